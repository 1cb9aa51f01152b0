"""The little of HTTP that the application needs: answers, and how they are sent over ASGI."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

PLAIN_TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"

_NO_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer. ``policy`` is its Content-Security-Policy; without one, nothing may be loaded."""

    status: int
    body: bytes
    content_type: str = PLAIN_TEXT
    headers: tuple[tuple[str, str], ...] = ()
    policy: str = _NO_CONTENT_POLICY


def text(status: int, message: str, *headers: tuple[str, str]) -> Answer:
    """A plain answer of one line or more."""
    return Answer(status, f"{message}\n".encode("utf-8", "replace"), headers=headers)


def header(scope: Scope, name: str) -> str:
    """All values of a request's header as one list, empty where it has none."""
    wanted = name.lower().encode("latin-1")
    return ",".join(value.decode("latin-1") for key, value in scope["headers"] if key.lower() == wanted)


async def send(send_message: Send, answer: Answer, *, head: bool) -> None:
    """Send ``answer``; only its header if the request's method was HEAD."""
    headers = [
        ("content-type", answer.content_type),
        ("content-length", str(len(answer.body))),
        ("cache-control", "no-cache"),
        ("content-security-policy", answer.policy),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        *answer.headers,
    ]
    await send_message(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        }
    )
    await send_message({"type": "http.response.body", "body": b"" if head else answer.body})
