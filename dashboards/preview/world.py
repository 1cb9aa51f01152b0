"""What happens in the pictures: three models, what they are asked and what comes true.

All of it is made up, and drawn from seeds: the same each time. Times are seconds since the epoch.

- ``fraud`` (binary, impact high): from four hours before the end on its customers are older, spend the more
  the older they are, and come from a country it has not seen; version 8 takes over step by step; while the
  network is partitioned it answers late and misses fraud. It treats two groups unlike. Lines of the logs are
  garbled in the last hour.
- ``recommender`` (ranking): clicks fall while its inputs stay.
- ``delivery`` (regression): all is well.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

END = 1_773_246_240.0
"""2026-03-11 16:24:00 UTC, a Wednesday."""

MINUTE, HOUR = 60.0, 3600.0
DRIFT = END - 4 * HOUR
DEPLOYED = END - 2.5 * HOUR
PARTITION = (END - 1.75 * HOUR, END - 1.1 * HOUR)
GARBLED = (END - 0.75 * HOUR, END + 1)
STRAY = 0.001
"""Share of the records whose clock is a month wrong."""

CLICKS_FALL = END - 5 * HOUR

Floats = NDArray[np.float64]
Records = Callable[[Floats, np.random.Generator], tuple[list[dict[str, Any]], list[dict[str, Any]]]]


@dataclass(frozen=True)
class Event:
    """A record of a log and when it is written."""

    time: float
    record: Mapping[str, Any]


def garbled(time: float) -> bool:
    """Whether lines of the logs are cut short, each time some."""
    return GARBLED[0] <= time < GARBLED[1]


def partitioned(time: float) -> bool:
    """Whether the network is."""
    return PARTITION[0] <= time < PARTITION[1]


def day(times: Floats | float) -> Floats:
    """The day's cycle: 1 on average, most in the afternoon."""
    cycle: Floats = 1 + 0.4 * np.cos(2 * np.pi * (np.asarray(times) / 86_400 - 14 / 24))
    return cycle


def arrivals(start: float, end: float, per_second: float, rng: np.random.Generator) -> Floats:
    """Times of requests from ``start`` on, before ``end``, by the day's cycle."""
    count = rng.poisson(per_second * (end - start) * float(day((start + end) / 2)))
    return np.sort(rng.uniform(start, end, count)).round(3)


def _since(times: Floats, start: float, seconds: float) -> Floats:
    """From 0 at ``start`` to 1 after ``seconds``."""
    return np.clip((times - start) / seconds, 0, 1)


def _sigmoid(values: Floats) -> Floats:
    probability: Floats = 1 / (1 + np.exp(-values))
    return probability


def fraud(times: Floats, rng: np.random.Generator) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Card payments, and which of them turn out to be fraud."""
    n = len(times)
    drift, cut = _since(times, DRIFT, 2 * HOUR), np.array([partitioned(t) for t in times], dtype=bool)
    years = rng.normal(0, 1, n)
    age = np.clip(44 + 9 * drift + 13 * years, 18, 99).round()
    amount = rng.lognormal(3.5 + drift * (0.35 + 0.7 * years), 1.1).round(2)
    cards = rng.binomial(4, 0.3, n)
    places = np.array(["US", "DE", "FR", "GB", "BR"])
    country = places[np.where(rng.random(n) < 0.18 * drift, 4, rng.choice(4, n, p=[0.55, 0.2, 0.15, 0.1]))]
    gender = np.array(["f", "m"])[(rng.random(n) < 0.55).astype(int)]
    device = np.array(["phone", "desktop", "tablet"])[rng.choice(3, n, p=[0.6, 0.3, 0.1])]
    risk = 1.1 * (np.log(amount) - 3.5) + 0.5 * (cards - 1.2) + 0.9 * (device == "desktop") - 2.6
    probability = _sigmoid(risk)
    truth = rng.random(n) < probability
    score = _sigmoid(risk + 0.6 * (gender == "f") + rng.normal(0, 0.25, n))
    blind = cut & (rng.random(n) < 0.6)
    score = np.where(blind, 0.05 + 0.05 * rng.random(n), score).round(4)
    odd = rng.random(n) < 0.004 + 0.03 * cut
    amount = np.where(odd, amount * 200, amount).round(2)
    new = rng.random(n) < 0.7 * _since(times, DEPLOYED, 0.5 * HOUR)
    latency = rng.lognormal(np.log(45 + 15 * new + 140 * cut), 0.45).round(1)
    failed = rng.random(n) < 0.003 + 0.05 * cut
    missing = rng.random(n) < 0.002 + 0.05 * drift
    broken = rng.random(n) < 0.001
    delay = rng.lognormal(np.log(6 * MINUTE), 0.8, n)
    records, labels = [], []
    for i, time in enumerate(times.tolist()):
        number = f"f{time:.3f}-{i}"
        features = {
            "amount": [float(amount[i])] if broken[i] else None if missing[i] else float(amount[i]),
            "age": float(age[i]),
            "cards_held": int(cards[i]),
            "country": str(country[i]),
            "device": str(device[i]),
            "gender": str(gender[i]),
        }
        records.append(
            {
                "ts": time,
                "request_id": number,
                "version": "8" if new[i] else "7",
                "prediction": int(score[i] >= 0.3),
                "score": float(score[i]),
                "latency_ms": float(latency[i]),
                "error": "timeout" if failed[i] else None,
                "features": features,
            }
        )
        if rng.random() < 0.9:
            labels.append({"ts": time + float(delay[i]), "request_id": number, "label": int(truth[i])})
    return records, labels


def recommender(times: Floats, rng: np.random.Generator) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Items that are shown, and whether they are clicked."""
    n = len(times)
    position = rng.integers(1, 9, n)
    age = np.clip(rng.normal(35, 11, n), 16, 90).round()
    price = rng.gamma(2.0, 20.0, n).round(2)
    category = np.array(["books", "music", "games", "garden", "kitchen"])[
        rng.choice(5, n, p=[0.35, 0.25, 0.2, 0.12, 0.08])
    ]
    worth = -1.2 - 0.15 * position + 0.8 * (category == "books") - 0.008 * price
    score = _sigmoid(worth + rng.normal(0, 0.1, n)).round(4)
    clicked = rng.random(n) < _sigmoid(worth) * (1 - 0.35 * _since(times, CLICKS_FALL, HOUR))
    latency = rng.lognormal(np.log(18), 0.4, n).round(1)
    failed = rng.random(n) < 0.001
    delay = rng.uniform(20, 5 * MINUTE, n)
    records, labels = [], []
    for i, time in enumerate(times.tolist()):
        number = f"r{time:.3f}-{i}"
        features = {"age": float(age[i]), "price": float(price[i]), "category": str(category[i])}
        records.append(
            {
                "ts": time,
                "request_id": number,
                "version": "2024-11",
                "score": float(score[i]),
                "rank": int(position[i]),
                "latency_ms": float(latency[i]),
                "error": "timeout" if failed[i] else None,
                "features": features,
            }
        )
        labels.append({"ts": time + float(delay[i]), "request_id": number, "label": int(clicked[i])})
    return records, labels


def delivery(times: Floats, rng: np.random.Generator) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """How long deliveries are expected to take and how long they took, in minutes."""
    n = len(times)
    distance = rng.gamma(3.0, 2.0, n).round(2)
    items = rng.poisson(3, n) + 1
    vehicle = np.array(["bike", "van", "car"])[rng.choice(3, n, p=[0.5, 0.2, 0.3])]
    expected = 12 + 3.2 * distance + 0.8 * items + 4.0 * (vehicle == "bike")
    answer = (expected + rng.normal(0, 1.5, n)).round(1)
    took = (expected + rng.normal(0, 5, n)).round(1)
    latency = rng.lognormal(np.log(9), 0.3, n).round(1)
    failed = rng.random(n) < 0.002
    records, labels = [], []
    for i, time in enumerate(times.tolist()):
        number = f"d{time:.3f}-{i}"
        features = {"distance": float(distance[i]), "items": int(items[i]), "vehicle": str(vehicle[i])}
        records.append(
            {
                "ts": time,
                "request_id": number,
                "version": "3",
                "prediction": float(answer[i]),
                "latency_ms": float(latency[i]),
                "error": "timeout" if failed[i] else None,
                "features": features,
            }
        )
        labels.append({"ts": time + 45 * MINUTE, "request_id": number, "label": float(took[i])})
    return records, labels


MODELS: Mapping[str, Records] = {"fraud": fraud, "recommender": recommender, "delivery": delivery}


@dataclass
class Log:
    """One model's predictions, and the labels that are still to come."""

    make: Records
    rng: np.random.Generator
    waiting: list[Event] = field(default_factory=list)

    def between(self, start: float, end: float, per_second: float) -> tuple[list[Event], list[Event]]:
        """Predictions made from ``start`` on, before ``end``, and labels that have come by then."""
        records, labels = self.make(arrivals(start, end, per_second, self.rng), self.rng)
        self.waiting += [Event(label["ts"], label) for label in labels]
        come = sorted((e for e in self.waiting if e.time < end), key=lambda event: event.time)
        self.waiting = [event for event in self.waiting if event.time >= end]
        for record in records:
            if self.rng.random() < STRAY:
                record["ts"] += 30 * 86_400 * (-1 if self.rng.random() < 0.5 else 1)
        return [Event(record["ts"], record) for record in records], come


def known_good(name: str, seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """8,000 records from before all that, and their labels."""
    rng = np.random.default_rng([seed, 1])
    start = END - 60 * 86_400
    times = np.sort(rng.uniform(start, start + 28 * 86_400, 8_000)).round(3)
    return MODELS[name](times, rng)
