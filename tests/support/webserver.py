"""An ASGI application behind a real uvicorn on a free port of the loopback."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from drift_exporter.expose.http import Application


@contextmanager
def serving(application: Application) -> Iterator[str]:
    """Serve ``application`` until the end of the block; gives its base URL.

    The socket listens before the server runs, so a request made at once waits for it and nobody has to poll.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # As the exporter itself does it; else an answer waits until the client says that it has its head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(
            application, log_config=None, lifespan="on", ws="none", http="h11", timeout_graceful_shutdown=5
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        host, port = listener.getsockname()
        try:
            yield f"http://{host}:{port}"
        finally:
            server.should_exit = True
            thread.join(timeout=20)
            assert not thread.is_alive(), "the server did not stop"
