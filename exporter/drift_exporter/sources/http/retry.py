"""When to ask again after something went wrong."""

from datetime import UTC
from email.utils import parsedate_to_datetime

_FIRST, _LONGEST = 1.0, 60.0
_MOST = 3600.0


def backoff(attempt: int, chance: float) -> float:
    """Seconds before the next request after ``attempt`` (from 1) failed ones; ``chance`` is in [0, 1).

    Twice as long each time up to a minute, and anything from half of that to all of it, so that clients that
    failed together do not come back together.
    """
    return float(min(_LONGEST, _FIRST * 2 ** min(attempt - 1, 16)) * (0.5 + chance / 2))


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds that a server asks to wait (RFC 9110, section 10.2.3), at most an hour; None where it does not.

    ``now`` is the time of day, in seconds since the epoch.
    """
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(_MOST, float(value))
    moment = seconds_of_date(value)
    return None if moment is None else min(_MOST, max(0.0, moment - now))


def seconds_of_date(value: str | None) -> float | None:
    """Seconds since the epoch of a date as HTTP writes it; None where it is none."""
    if not value:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
