"""How times, windows and names out of a state are told."""

from datetime import UTC, datetime

from drift_exporter.config.values import format_duration


def window_name(seconds: float) -> str:
    """A window's length as it is usually configured: 24h, not 1d; below 0 it is the history's slices."""
    if seconds < 0:
        return f"history ({window_name(-seconds)})"
    hours, rest = divmod(seconds, 3600)
    return f"{hours:.0f}h" if not rest and hours <= 24 else format_duration(seconds)


def time_text(seconds: float) -> str:
    """A time in seconds since the epoch."""
    found = moment(seconds)
    return f"{seconds:.0f} s since 1970" if found is None else found.strftime("%Y-%m-%d %H:%M:%S UTC")


def moment(seconds: float) -> datetime | None:
    """None beyond the years 1 to 9999, which a record's time may be."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError):
        return None


def printable(line: str) -> str:
    """A line that a terminal shows as it is: other characters become question marks."""
    return "".join(character if character.isprintable() else "?" for character in line)
