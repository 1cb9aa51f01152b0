"""What may be said of a forecast by Prophet in the configuration, checked without importing it."""

from collections.abc import Mapping
from difflib import get_close_matches
from numbers import Real
from typing import Any

from drift_exporter.errors import ConfigurationError

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "growth": ("linear", "flat"),
    "seasonality_mode": ("additive", "multiplicative"),
    "holidays_mode": ("additive", "multiplicative"),
}
_POSITIVE = ("changepoint_prior_scale", "seasonality_prior_scale", "holidays_prior_scale")
_SEASONALITIES = ("yearly_seasonality", "weekly_seasonality", "daily_seasonality")

NAMES = (*_CHOICES, *_POSITIVE, *_SEASONALITIES, "changepoint_range", "n_changepoints", "holidays")
"""Options that are passed to Prophet; ``holidays`` is a country's code such as ``DE``."""


def check_prophet_options(options: Mapping[str, Any]) -> None:
    """Raise ConfigurationError where there is no such option, or it cannot have such a value."""
    for name, value in options.items():
        if name not in NAMES:
            close = get_close_matches(name, NAMES, n=1)
            meant = f"did you mean {close[0]}? " if close else ""
            raise ConfigurationError(
                f"prophet has no option {name!r} here; {meant}there are {', '.join(NAMES)}"
            )
        wanted = _wanted(name, value)
        if wanted:
            raise ConfigurationError(f"option {name} of prophet is {value!r}; it has to be {wanted}")


def _wanted(name: str, value: object) -> str:
    """What the value of an option has to be; empty where it is that."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    if name in _CHOICES:
        return "" if value in _CHOICES[name] else " or ".join(_CHOICES[name])
    if name in _POSITIVE:
        return "" if number and float(value) > 0 else "a number above 0"  # type: ignore[arg-type]
    if name == "changepoint_range":
        return "" if number and 0 < float(value) <= 1 else "a number above 0, at most 1"  # type: ignore[arg-type]
    if name == "n_changepoints":
        return "" if type(value) is int and value >= 0 else "a whole number of at least 0"
    if name == "holidays":
        return "" if isinstance(value, str) and value else "a country's code such as DE"
    known = value == "auto" or isinstance(value, bool) or (type(value) is int and value > 0)
    return "" if known else "auto, true, false or a number of Fourier terms"
