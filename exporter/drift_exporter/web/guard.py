"""The application behind users and headers of ``--web.config.file``."""

from collections.abc import Callable

from drift_exporter.expose import http
from drift_exporter.expose.http import Application, Message, Receive, Scope, Send
from drift_exporter.web.authentication import Passwords
from drift_exporter.web.file import WebFile

_CHALLENGE = ("www-authenticate", 'Basic realm="drift-exporter", charset="UTF-8"')


def guard(application: Application, file: WebFile, own_token: Callable[[str], bool]) -> Application:
    """Ask for a user where the file has any, and set its headers.

    ``own_token`` says whether a path asks for a token of its own: who sends one there needs no user.
    """
    passwords = Passwords()

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        web = file.refresh()
        sending = _with_headers(send, [(k.lower(), v) for k, v in web.http_server_config.headers.items()])
        authorization = http.header(scope, "authorization")
        bearer = authorization.lower().startswith("bearer ") and own_token(scope["path"])
        if (
            web.basic_auth_users
            and not bearer
            and not await passwords.right(web.basic_auth_users, authorization)
        ):
            answer = http.text(401, "A user and a password are needed here.", _CHALLENGE)
            await http.send(sending, answer, head=scope["method"] == "HEAD")
            return
        await application(scope, receive, sending)

    return guarded


def _with_headers(send: Send, headers: list[tuple[str, str]]) -> Send:
    if not headers:
        return send
    names = {name.encode() for name, _ in headers}

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(name, value) for name, value in message["headers"] if name.lower() not in names]
            message = {**message, "headers": kept + [(k.encode(), v.encode()) for k, v in headers]}
        await send(message)

    return sending
