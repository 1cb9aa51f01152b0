"""Names and passwords of those who ask: HTTP's basic authentication (RFC 7617), hashes by bcrypt."""

import asyncio
import base64
import binascii
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

UNKNOWN = "$2b$10$LVWYeldaY382YB1/W19hFuSmB35jTTkKnk59N.0nByovMv/iDiHfG"
"""Compared for users that do not exist, so that the time of an answer does not tell who does."""

_MOST_KNOWN = 100
_LONGEST = 72
"""Bytes of a password that bcrypt looks at."""


class Passwords:
    """Checks passwords, and remembers what it found: a check takes tens of milliseconds on purpose."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, bool] = OrderedDict()
        # One at a time: whoever guesses passwords must not take the threads that render pages.
        self._checking = ThreadPoolExecutor(1, thread_name_prefix="passwords")

    async def right(self, users: Mapping[str, str], authorization: str) -> bool:
        """Whether the value of the header ``Authorization`` is that of one of ``users`` (name to hash)."""
        given = _credentials(authorization)
        if given is None:
            return False
        user, password = given
        hashed = users.get(user, UNKNOWN)
        # What is remembered cannot be read back, and does not outlive a change of the hash.
        place = hmac.digest(self._key, b"\0".join([user.encode(), hashed.encode(), password]), "sha256")
        known = self._known.get(place)
        if known is None:
            loop = asyncio.get_running_loop()
            matches = await loop.run_in_executor(self._checking, _matches, password, hashed)
            known = matches and user in users
            self._known[place] = known
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return known


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _matches(password: bytes, hashed: str) -> bool:
    import bcrypt  # noqa: PLC0415  # only where users are configured

    # A zero byte would end the password for some implementations.
    if b"\0" in password:
        return False
    return bcrypt.checkpw(password[:_LONGEST], hashed.encode())
