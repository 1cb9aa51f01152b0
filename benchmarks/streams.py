"""How often the detectors of streams alarm without a change, and how late with one.

Run it: python benchmarks/streams.py [--values 20000000] [--runs 200]. It prints the tables of
docs/statistics.md, in about a quarter of an hour.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np
from river.drift import ADWIN
from river.drift import PageHinkley as RiverPageHinkley
from river.drift.binary import DDM

from drift_exporter.reference.model import FloatArray
from drift_exporter.streams.adwin import Adwin
from drift_exporter.streams.ddm import Ddm
from drift_exporter.streams.detector import Detector
from drift_exporter.streams.model import DELTA
from drift_exporter.streams.page_hinkley import PageHinkley

RATES = (0.001, 0.01, 0.1, 0.3, 0.5)
CHANGES = (0.15, 0.2, 0.3)
BEFORE = (1_000, 10_000, 100_000)
CORRELATIONS = (0.1, 0.3, 0.5, 0.9)
CAREFUL = 1e-12
"""A ``delta`` of ADWIN for streams that are not independent."""

MOST = 200_000
"""Values after a change in which it has to be found, or it is missed."""

_CHUNK = 1_000_000
_PIECE = 1_000

Draw = Callable[[np.random.Generator, int], FloatArray]

# Both directions count: the worst case.
DETECTORS: Mapping[str, Detector] = {
    "adwin": Adwin(DELTA),
    "page_hinkley": PageHinkley(),
    "ddm": Ddm(),
}
RIVER: Mapping[str, Callable[[], ADWIN | RiverPageHinkley | DDM]] = {
    "adwin": ADWIN,
    "page_hinkley": RiverPageHinkley,
    "ddm": DDM,
}


def bernoulli(random: np.random.Generator, size: int, *, rate: float) -> FloatArray:
    """Values of 0 and 1, of which this share is 1."""
    return (random.random(size) < rate).astype(np.float64)


def chained(random: np.random.Generator, size: int, *, rate: float, correlation: float) -> FloatArray:
    """The same, but each value is the one before it with this probability: the correlation of neighbours."""
    fresh = random.random(size) >= correlation
    fresh[0] = True
    drawn = bernoulli(random, size, rate=rate)
    return drawn[np.maximum.accumulate(np.where(fresh, np.arange(size), 0))]


def cycle(random: np.random.Generator, size: int, *, rate: float, swing: float, period: int) -> FloatArray:
    """Values of 0 and 1 whose share of 1 swings around ``rate`` by this share of it."""
    shares = rate * (1 + swing * np.sin(2 * np.pi * np.arange(size) / period))
    return (random.random(size) < shares).astype(np.float64)


def beta(random: np.random.Generator, size: int, *, a: float, b: float) -> FloatArray:
    """Scores."""
    return random.beta(a, b, size)


def chunks(draw: Draw, random: np.random.Generator, values: int) -> Iterator[FloatArray]:
    """Values in pieces that fit into memory."""
    for start in range(0, values, _CHUNK):
        yield draw(random, min(_CHUNK, values - start))


def alarms(detector: Detector, draw: Draw, values: int, seed: int = 1) -> int:
    """How many alarms a stream of so many values raises."""
    random = np.random.default_rng(seed)
    # Every million begins anew: the first values after a start are where a mean is known least.
    return sum(len(detector.update(detector.start(), piece).alarms) for piece in chunks(draw, random, values))


def river_alarms(name: str, draw: Draw, values: int, seed: int = 1) -> int:
    """The same for river's detector as it is by default."""
    random = np.random.default_rng(seed)
    detector, found = RIVER[name](), 0
    for piece in chunks(draw, random, values):
        for value in piece.tolist():
            detector.update(value)
            found += detector.drift_detected
    return found


def delays(detector: Detector, before: int, after: float, runs: int) -> list[float]:
    """Values from a change from 10 % until the alarm; infinite where none comes, or one came too early."""
    found = []
    for seed in range(runs):
        random = np.random.default_rng(seed)
        step = detector.update(detector.start(), bernoulli(random, before, rate=0.1))
        if step.alarms:
            continue
        state, delay = step.state, math.inf
        for start in range(0, MOST, _PIECE):
            step = detector.update(state, bernoulli(random, _PIECE, rate=after))
            if step.alarms:
                delay = start + step.alarms[0] + 1
                break
            state = step.state
        found.append(delay)
    return found


def told(value: float) -> str:
    """A number of values in words."""
    return f"{value:,.0f}" if math.isfinite(value) else "missed"


def rate(alarms_per_million: float) -> str:
    """A rate in three digits."""
    return f"{alarms_per_million:,.0f}" if alarms_per_million >= 100 else f"{alarms_per_million:.3g}"


def print_alarms(
    streams: Mapping[str, Draw], detectors: Mapping[str, Detector], values: int, river_values: int
) -> None:
    """Alarms per million values of each stream: ours, and river's."""
    ours = " | ".join(detectors)
    rivers = " | ".join(f"river {name}" for name in RIVER)
    print(f"| stream | {ours} | {rivers} |")
    print("|---|" + "---:|" * (len(detectors) + len(RIVER)))
    for title, draw in streams.items():
        cells = []
        for name, detector in detectors.items():
            if name == "ddm" and title.startswith("scores"):
                cells.append("")
            else:
                cells.append(rate(alarms(detector, draw, values) / values * 1e6))
        for name in RIVER:
            if name == "ddm" and title.startswith("scores"):
                cells.append("")
            else:
                cells.append(rate(river_alarms(name, draw, river_values) / river_values * 1e6))
        print(f"| {title} | {' | '.join(cells)} |", flush=True)
    print()


def print_delays(runs: int) -> None:
    """Median and 95th percentile of the delay, by what came before and what comes after."""
    print("| detector | values before | 10 % to 15 % | 10 % to 20 % | 10 % to 30 % |")
    print("|---|---:|---:|---:|---:|")
    for name, detector in DETECTORS.items():
        for before in BEFORE:
            cells = []
            for after in CHANGES:
                found = np.sort(delays(detector, before, after, runs))
                middle, high = (found[int(q * (len(found) - 1))] for q in (0.5, 0.95))
                cells.append(f"{told(middle)} ({told(high)})")
            print(f"| `{name}` | {before:,} | {' | '.join(cells)} |", flush=True)
    print()


def print_cost(values: int) -> None:
    """Values per second of CPU."""
    stream = bernoulli(np.random.default_rng(1), values, rate=0.1)
    print("| detector | million values per CPU second | river |")
    print("|---|---:|---:|")
    for name, detector in DETECTORS.items():
        start = time.process_time()
        detector.update(detector.start(), stream)
        ours = time.process_time() - start
        river, plain = RIVER[name](), stream[: values // 10].tolist()
        start = time.process_time()
        for value in plain:
            river.update(value)
        theirs = time.process_time() - start
        print(f"| `{name}` | {values / ours / 1e6:.1f} | {len(plain) / theirs / 1e6:.1f} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--values", type=int, default=20_000_000)
    parser.add_argument("--river-values", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=200)
    arguments = parser.parse_args()
    independent: dict[str, Draw] = {f"{100 * rate:g} % ones": partial(bernoulli, rate=rate) for rate in RATES}
    independent["scores, Beta(2, 5)"] = partial(beta, a=2, b=5)
    independent["scores, Beta(0.1, 0.4)"] = partial(beta, a=0.1, b=0.4)
    print("Alarms per million values without a change\n")
    print_alarms(independent, DETECTORS, arguments.values, arguments.river_values)
    print("Values until a change is found: median (95th percentile)\n")
    print_delays(arguments.runs)
    dependent: dict[str, Draw] = {
        f"10 % ones, correlation {c}": partial(chained, rate=0.1, correlation=c) for c in CORRELATIONS
    }
    for swing in (0.1, 0.3):
        title = f"10 % ones, cycle of 100,000 by {100 * swing:g} %"
        dependent[title] = partial(cycle, rate=0.1, swing=swing, period=100_000)
    print("Alarms per million values of streams that are not independent\n")
    detectors = {"adwin": DETECTORS["adwin"], f"adwin, delta {CAREFUL:g}": Adwin(CAREFUL), **DETECTORS}
    print_alarms(dependent, detectors, arguments.values // 10, arguments.river_values)
    print_cost(arguments.values // 10)


if __name__ == "__main__":
    main()
