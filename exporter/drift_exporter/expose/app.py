"""The web application: metrics, health, configuration, reload and pages, as plain ASGI.

It holds no state. Whatever it shows comes from the callables that it is built with, once per request, so
each answer is made of one snapshot. Nothing here waits for an evaluation.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from drift_exporter.errors import DriftExporterError
from drift_exporter.expose import http
from drift_exporter.expose.http import Answer, Application, Receive, Scope, Send
from drift_exporter.expose.negotiation import accepts_gzip, choose_format
from drift_exporter.expose.render import Rendered
from drift_exporter.expose.report.document import POLICY
from drift_exporter.expose.report.overview import landing_page, models_page
from drift_exporter.expose.report.page import report_page
from drift_exporter.snapshot import Snapshot

_log = logging.getLogger(__name__)

_MODEL_PREFIX = "/models/"
_API_PREFIX = "/v1/"

Endpoint = Callable[[Scope, Receive], Awaitable[Answer]]
"""Reads a request's body by itself, and answers it."""

_Handler = Callable[[Scope], Awaitable[Answer]]
_Route = Mapping[str, _Handler]


@dataclass(frozen=True)
class _Sources:
    """The callables that ``create_app`` was given."""

    current: Callable[[], Rendered]
    not_ready: Callable[[], str | None]
    config: Callable[[], str]
    reload: Callable[[], None] | None


def create_app(
    *,
    current: Callable[[], Rendered],
    not_ready: Callable[[], str | None],
    config: Callable[[], str],
    reload: Callable[[], None] | None = None,
    predictions: Endpoint | None = None,
) -> Application:
    """Build the ASGI application.

    ``current`` gives the newest metrics; ``not_ready`` the reason for not being ready, None when ready;
    ``config`` the configuration in use as YAML, secrets masked already. ``reload`` loads the configuration
    anew and raises ``DriftExporterError`` if it is refused; without it, reloading over HTTP is off. It runs
    on a thread of its own, one at a time; the others must return at once. ``predictions`` answers whatever is
    sent to or asked below /v1/.
    """
    sources = _Sources(current, not_ready, config, reload)
    routes = _routes(sources)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            if predictions is not None and scope["path"].startswith(_API_PREFIX):
                answer = await predictions(scope, receive)
            else:
                answer = await _answer(routes, sources, scope)
            await http.send(send, answer, head=scope["method"] == "HEAD")

    return application


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _routes(sources: _Sources) -> Mapping[str, _Route]:
    """Handlers by path and method; HEAD follows GET."""
    reload_ = _reload(sources)
    return {
        "/": {"GET": lambda _: _page(landing_page, sources)},
        "/metrics": {"GET": lambda scope: _metrics(sources, scope)},
        "/models": {"GET": lambda _: _page(models_page, sources)},
        "/config": {"GET": lambda _: _config(sources)},
        "/-/healthy": {"GET": lambda _: _healthy()},
        "/-/ready": {"GET": lambda _: _ready(sources)},
        "/-/reload": {"POST": reload_, "PUT": reload_},
    }


async def _answer(routes: Mapping[str, _Route], sources: _Sources, scope: Scope) -> Answer:
    path: str = scope["path"]
    route = routes.get(path)
    if route is None and path.startswith(_MODEL_PREFIX):
        route = {"GET": lambda scope: _report(sources, scope)}
    if route is None:
        return http.text(404, "There is no such page. See / for what there is.")
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    handler = route.get(method)
    if handler is None:
        allowed = ", ".join([*route, "HEAD"] if "GET" in route else route)
        return http.text(405, f"Not allowed here; allowed: {allowed}.", ("allow", allowed))
    try:
        return await handler(scope)
    except Exception:  # noqa: BLE001  one page's fault is an answer of its own, whatever it is
        # The details go to the log, not to whoever asked.
        _log.exception("cannot answer %r", path)
        return http.text(500, "This went wrong; the log says why.")


async def _metrics(sources: _Sources, scope: Scope) -> Answer:
    rendered = sources.current()
    choice = choose_format(http.header(scope, "accept"))
    compressed = accepts_gzip(http.header(scope, "accept-encoding"))
    body = rendered.cached(choice.format, compressed=compressed)
    if body is None:
        body = await asyncio.to_thread(rendered.body, choice.format, compressed=compressed)
    encoding = (("content-encoding", "gzip"),) if compressed else ()
    return Answer(200, body, choice.content_type, (*encoding, ("vary", "Accept, Accept-Encoding")))


async def _healthy() -> Answer:
    return http.text(200, "drift-exporter is healthy.")


async def _ready(sources: _Sources) -> Answer:
    reason = sources.not_ready()
    if reason is not None:
        return http.text(503, f"drift-exporter is not ready: {reason}")
    return http.text(200, "drift-exporter is ready.")


async def _config(sources: _Sources) -> Answer:
    return Answer(200, sources.config().encode("utf-8", "replace"))


def _reload(sources: _Sources) -> _Handler:
    one_at_a_time = asyncio.Lock()

    async def handler(_: Scope) -> Answer:
        if sources.reload is None:
            return http.text(
                403, "Reloading over HTTP is off. Start with --web.enable-lifecycle, or send SIGHUP."
            )
        async with one_at_a_time:
            try:
                await asyncio.to_thread(sources.reload)
            except DriftExporterError as error:
                return http.text(
                    500, f"The new configuration was refused; the old one stays in use.\n{error}"
                )
        return http.text(200, "The configuration was reloaded.")

    return handler


async def _page(make: Callable[[Snapshot, str | None], str], sources: _Sources) -> Answer:
    page = await asyncio.to_thread(make, sources.current().snapshot, sources.not_ready())
    return Answer(200, page.encode("utf-8", "replace"), http.HTML, policy=POLICY)


async def _report(sources: _Sources, scope: Scope) -> Answer:
    name = scope["path"].removeprefix(_MODEL_PREFIX)
    snapshot = sources.current().snapshot
    model = next((model for model in snapshot.models if model.name == name), None)
    if model is None:
        return http.text(
            404, f"There is no model {name!r} in the configuration. See /models for those there are."
        )
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    version, window, order = (query.get(key, [None])[-1] for key in ("version", "window", "order"))
    page = await asyncio.to_thread(
        report_page,
        model,
        snapshot.created,
        version=version,
        window=window,
        order=order,
        runbooks=snapshot.runbooks,
    )
    return Answer(200, page.encode("utf-8", "replace"), http.HTML, policy=POLICY)
