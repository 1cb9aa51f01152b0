"""A mail server in a thread of this process: as much of SMTP (RFC 5321) as handing over a message takes."""

import email
import email.message
import email.policy
import socketserver
import threading
from collections.abc import Iterator
from typing import Self

HELLO = b"250-localhost\r\n250 8BITMIME\r\n"


class Mailbox:
    """Keeps what is sent to it; it asks for no user and has no TLS."""

    def __init__(self) -> None:
        self.messages: list[email.message.EmailMessage] = []
        box = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 localhost\r\n")
                for line in self.rfile:
                    verb = line.split()[0].upper() if line.split() else b""
                    if verb in (b"EHLO", b"HELO"):
                        self.wfile.write(HELLO)
                    elif verb == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        box.messages.append(_parsed(b"".join(_data(self.rfile))))
                        self.wfile.write(b"250 taken\r\n")
                    elif verb == b"QUIT":
                        self.wfile.write(b"221 bye\r\n")
                        return
                    else:
                        self.wfile.write(b"250 fine\r\n")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def to(self, address: str) -> list[email.message.EmailMessage]:
        """The messages to an address, oldest first."""
        return [m for m in list(self.messages) if m["To"] == address]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)


def _data(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Lines of a message up to the point that ends it; points that begin a line are doubled on the way."""
    for line in lines:
        if line == b".\r\n":
            return
        yield line.removeprefix(b".") if line.startswith(b"..") else line


def _parsed(raw: bytes) -> email.message.EmailMessage:
    return email.message_from_bytes(raw, _class=email.message.EmailMessage, policy=email.policy.default)
