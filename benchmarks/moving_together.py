"""How often a signal is said to move together with a model's metric, where it does not and where it does.

Run it: python benchmarks/moving_together.py [--runs 1500] [--write]. It prints a table, and with --write puts
it into docs/statistics.md. It takes some minutes.

Series are residuals in half-widths of their band: noise with autocorrelation at the grid of the history (5
minutes), disturbed for an hour where said. The window is 6 hours, the lag up to 30 minutes, the history 4
weeks.
"""

import argparse
import time
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from drift_exporter.judge.infrastructure.correlation import (
    Correlation,
    correlate,
    correlate_all,
    misbehaviour,
)
from drift_exporter.reference.model import FloatArray
from page import replace_table

STEPS, MOST_LAG, HISTORY = 72, 6, 8_064
HOUR, DAY = 12, 288
SPREAD = 0.35
MEMORIES = (0.5, 0.9, 0.97)
LEVELS = (0.05, 0.01)


@dataclass(frozen=True)
class Case:
    """Where the target and the signal are disturbed: steps of the window; by how much, in half-widths.

    ``often`` disturbs the signal at any time, ``busier`` makes both vary more by day, ``rest`` leaves a daily
    wave of this height in both.
    """

    name: str
    target: int | None = None
    signal: int | None = None
    height: float = 3.0
    often: bool = False
    busier: bool = False
    rest: float = 0.0


CASES = (
    Case("nothing happens"),
    Case("the metric is disturbed, the signal is not", target=40),
    Case("both are, two hours apart", target=50, signal=14),
    Case("both are, one after the other", target=50, signal=32),
    Case("the metric begins to be, the signal was two hours ago", target=STEPS - 4, signal=36, height=2.0),
    Case("the metric is disturbed, the signal is every 3 hours anyway", target=40, often=True),
    Case("nothing happens, and both vary more by day", busier=True),
    Case("nothing happens, and the forecasts have left a daily wave in both", rest=0.5),
    Case("together: the signal 15 minutes before, at 3 half-widths", target=40, signal=37),
    Case("together, at 2 half-widths", target=40, signal=37, height=2.0),
    Case("together, at 1.2 half-widths", target=40, signal=37, height=1.2),
)


def noise(random: np.random.Generator, steps: int, memory: float) -> FloatArray:
    """What is left of an ordinary series."""
    drawn = random.normal(size=steps + 300)
    return np.asarray(SPREAD * lfilter([np.sqrt(1 - memory**2)], [1, -memory], drawn)[300:])


def pair(random: np.random.Generator, case: Case, memory: float) -> tuple[FloatArray, FloatArray]:
    """A target (STEPS,) and a signal (HISTORY,)."""
    target, signal = noise(random, STEPS, memory), noise(random, HISTORY, memory)
    wave = np.sin(2 * np.pi * (np.arange(HISTORY) / DAY + random.random()))
    if case.busier:
        target, signal = target * (1 + 0.8 * wave[-STEPS:]), signal * (1 + 0.8 * wave)
    target, signal = target + case.rest * wave[-STEPS:], signal + case.rest * wave
    if case.target is not None:
        target[case.target : case.target + HOUR] += case.height
    if case.signal is not None:
        start = HISTORY - STEPS + case.signal
        signal[start : start + HOUR] += case.height
    if case.often:
        for start in random.integers(1 - HOUR, HISTORY, HISTORY // (3 * HOUR)):
            signal[max(start, 0) : start + HOUR] += case.height
    return target, signal


def found(case: Case, memory: float, runs: int) -> list[Correlation]:
    """What is said of pairs."""
    random = np.random.default_rng(7)
    results = []
    for run in range(runs):
        target, signal = pair(random, case, memory)
        # As the exporter does: only what is outside of its band is the metric's misbehaviour.
        one = correlate(misbehaviour(target, "both"), signal, most_lag=MOST_LAG, seed=run)
        assert one is not None  # noqa: S101 - there is enough history
        results.append(one)
    return results


def cells(case: Case, memory: float, runs: int) -> list[str]:
    """Shares of p-values at most each level; where both move together, of lags right within a step."""
    results = found(case, memory, runs)
    p_values = np.array([one.p_value for one in results])
    shares = [f"{100 * float(np.mean(p_values <= level)):.1f} %" for level in LEVELS]
    if not case.name.startswith("together"):
        return [*shares, ""]
    assert case.target is not None  # noqa: S101
    assert case.signal is not None  # noqa: S101
    lag = case.target - case.signal
    return [*shares, f"{100 * np.mean([abs(one.lag - lag) <= 1 for one in results]):.0f} %"]


def table(runs: int) -> str:
    """The whole table."""
    heading = "| | autocorrelation | p <= 0.05 | p <= 0.01 | lag right |"
    lines = [heading, "|---|---:|---:|---:|---:|"]
    for case in CASES:
        for memory in MEMORIES:
            line = [case.name, f"{memory:g}", *cells(case, memory, runs)]
            lines.append(f"| {' | '.join(line)} |")
    return "\n".join(lines)


def cost() -> str:
    """CPU time of 100 signals and 10 targets."""
    random = np.random.default_rng(1)
    targets = [noise(random, STEPS, 0.9) for _ in range(10)]
    signals = [noise(random, HISTORY, 0.9) for _ in range(100)]
    start = time.process_time()
    correlate_all(targets, signals, most_lag=MOST_LAG)
    return f"100 signals x 10 metrics: {time.process_time() - start:.2f} s of CPU"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_500)
    parser.add_argument("--write", action="store_true", help="put the table into docs/statistics.md")
    arguments = parser.parse_args()
    made = table(arguments.runs)
    print(made)
    print(cost())
    if arguments.write:
        replace_table("benchmarks/moving_together.py", made)


if __name__ == "__main__":
    main()
