"""What the values of each field of a sample look like."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from drift_exporter.config.sample import Record

Keys = tuple[str, ...]
FEW = 20
"""Up to this many distinct values are few."""
MANY = 50
"""From more distinct texts than this on, a field is no set of categories."""
_MOST_DISTINCT = 100_000
_SHORTEST_VECTOR = 8
_SENTENCE = 3
_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|[+-]\d\d(?::?\d\d)?))?)?", re.IGNORECASE
)
_WEB_DATE = re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}")
_MISSING = frozenset({"", "NA", "null", "NULL"})
_EPOCHS = (("seconds", 1.0), ("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9))
# 1990 to 2100: a number outside, in any unit, is no time of a prediction.
_FIRST, _LAST = 6.3e8, 4.1e9


@dataclass
class Profile:
    """Values of one field: how many of which type, and their spread."""

    path: Keys
    present: int = 0
    numbers: int = 0
    wholes: int = 0
    others: int = 0
    times: dict[str, int] = field(default_factory=dict)
    vectors: dict[int, int] = field(default_factory=dict)
    distinct: set[Any] = field(default_factory=set)
    low: float = math.inf
    high: float = -math.inf
    first_time: float = math.inf
    last_time: float = -math.inf

    @property
    def numeric(self) -> bool:
        """Whether every value is a number."""
        return self.present > 0 and self.numbers == self.present

    @property
    def whole(self) -> bool:
        """Whether every value is a whole number."""
        return self.present > 0 and self.wholes == self.present

    @property
    def scalar(self) -> bool:
        """Whether most values are single ones, not lists."""
        return self.present > 0 and self.others * 2 < self.present

    @property
    def dimension(self) -> int | None:
        """How many numbers each of most values holds, where these are vectors; None where they are not."""
        length = max(self.vectors, key=self.vectors.__getitem__, default=0)
        usual = length >= _SHORTEST_VECTOR and self.vectors[length] * 2 > self.present
        return length if usual else None

    @property
    def free_text(self) -> bool:
        """Whether most values are texts of several words, and there are many."""
        sentences = sum(isinstance(value, str) and value.count(" ") >= _SENTENCE for value in self.distinct)
        return sentences * 2 > len(self.distinct) and (self.unique or len(self.distinct) > MANY)

    @property
    def time_form(self) -> str | None:
        """How most values tell a time; None where they do not."""
        form = max(self.times, key=self.times.__getitem__, default=None)
        return form if form is not None and self.times[form] * 2 > self.present else None

    @property
    def unique(self) -> bool:
        """Whether nearly every value is another one."""
        return self.present >= 10 and len(self.distinct) >= 0.9 * min(self.present, _MOST_DISTINCT)

    def add(self, value: Any, *, text_numbers: bool) -> None:  # noqa: ANN401 (a value of any type)
        """Count one value. ``text_numbers``: the format has text only, so text that is a number is one."""
        if value is None or (text_numbers and value in _MISSING):
            return
        self.present += 1
        length = _vector_length(value, text_numbers=text_numbers)
        if length:
            self.vectors[length] = self.vectors.get(length, 0) + 1
        if isinstance(value, list | tuple | dict | bytes):
            self.others += 1
            return
        if len(self.distinct) < _MOST_DISTINCT:
            self.distinct.add(value if isinstance(value, str | int | float) else str(value))
        number = _number(value, text_numbers=text_numbers)
        if number is not None:
            self.numbers += 1
            self.wholes += number == round(number)
            self.low, self.high = min(self.low, number), max(self.high, number)
        found = time_of(value if number is None else number)
        if found is not None:
            form, seconds = found
            self.times[form] = self.times.get(form, 0) + 1
            self.first_time, self.last_time = min(self.first_time, seconds), max(self.last_time, seconds)


def profiles(records: Iterable[Record], *, text_numbers: bool) -> list[Profile]:
    """A profile for each field, nested ones by their path, in the order in which they are first seen."""
    found: dict[Keys, Profile] = {}
    for record in records:
        for path, value in _leaves(record, ()):
            if path not in found:
                found[path] = Profile(path)
            found[path].add(value, text_numbers=text_numbers)
    return list(found.values())


def _leaves(record: Record, at: Keys) -> Iterator[tuple[Keys, Any]]:
    for key, value in record.items():
        if isinstance(value, dict) and len(at) < 8:
            yield from _leaves(value, (*at, str(key)))
        else:
            yield (*at, str(key)), value


def _vector_length(value: Any, *, text_numbers: bool) -> int:  # noqa: ANN401 (a value of any type)
    """How many numbers a list holds, also one that is written as text where all is; 0 where it is none."""
    if text_numbers and isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return 0
    if not isinstance(value, list | tuple) or any(
        _number(item, text_numbers=False) is None for item in value
    ):
        return 0
    return len(value)


def _number(value: Any, *, text_numbers: bool) -> float | None:  # noqa: ANN401 (a value of any type)
    if isinstance(value, bool) or (isinstance(value, str) and not text_numbers):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def time_of(value: Any) -> tuple[str, float] | None:  # noqa: ANN401 (a value of any type)
    """How a value tells a time, and which, in seconds since the epoch; None where it tells none."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        for unit, scale in _EPOCHS:
            if _FIRST * scale <= value <= _LAST * scale:
                return f"{unit} since 1970", value / scale
        return None
    moment: date | None = _moment(value) if isinstance(value, str) else None
    if isinstance(value, date):
        moment = value
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    elif moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if not isinstance(value, str):
        return "a column of times", moment.timestamp()
    return ("web server's time" if value[2] == "/" else "RFC 3339"), moment.timestamp()


def _moment(text: str) -> datetime | None:
    try:
        if _WEB_DATE.fullmatch(text):
            return datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z")
        return datetime.fromisoformat(text.upper().replace(",", ".")) if _DATE.fullmatch(text) else None
    except ValueError:
        return None
