"""A request that is not taken, and what is said about it."""

from dataclasses import dataclass


@dataclass
class Refusal(Exception):  # noqa: N818 (the sender's mistake, or a full house; no error of ours)
    """``status`` is that of HTTP; ``text`` says what is wrong and what would be right.

    After ``retry_after`` seconds the same request may be taken; None where it never will be.
    """

    status: int
    text: str
    retry_after: int | None = None
    headers: tuple[tuple[str, str], ...] = ()


def bad(text: str) -> Refusal:
    """The request itself is wrong."""
    return Refusal(400, text)


def too_large(what: str, limit: int, option: str) -> Refusal:
    """Something is larger than an option allows."""
    return Refusal(413, f"{what} is over {limit} bytes; send less at a time, or raise {option}")
