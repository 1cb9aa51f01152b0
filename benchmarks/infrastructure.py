"""What signals cost beside the requests for them: CPU for 100 signals, by the hour, and memory.

    python benchmarks/infrastructure.py [--signals 100] [--hours 6] [--method seasonal]

Answers come out of memory, at the default step of a minute and with four weeks of history, so that what is
measured is all that the exporter does with them: keeping, judging, learning anew, and what it exposes. The
first learning and the hours after it are told apart. With ``--method prophet`` learning is in processes of
its own, whose CPU is counted, too.
"""

import argparse
import resource
import time

import numpy as np

from drift_exporter.config.infrastructure import Infrastructure as Section
from drift_exporter.expose.infrastructure_series import infrastructure_series
from drift_exporter.infrastructure.answer import Points, RangeAnswer
from drift_exporter.infrastructure.runtime import Infrastructure

START = 1_767_323_040.0
DAY = 86_400.0
NOISE = np.random.default_rng(0).normal(0, 3, 99_991)


class Recorded:
    """Answers with a daily and a weekly season, noise, and now and then an incident."""

    def ask(self, query: str, start: int, end: int, step: float) -> RangeAnswer:
        """Values of the signal whose number the query is."""
        times = np.arange(start, end + 1) * step
        season = 100 + 30 * np.sin(2 * np.pi * times / DAY) + 10 * np.sin(2 * np.pi * times / DAY / 7)
        noise = NOISE[(np.arange(start, end + 1) * (1 + int(query))) % len(NOISE)] * (
            1 + (times % DAY > DAY / 2)
        )
        return RangeAnswer([Points({}, times, season + noise + int(query))], [])

    def close(self) -> None:
        """Nothing is open."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--signals", type=int, default=100)
    parser.add_argument("--hours", type=int, default=6)
    parser.add_argument("--method", choices=["seasonal", "prophet"], default="seasonal")
    options = parser.parse_args()
    names = range(options.signals)
    section = Section.model_validate(
        {
            "prometheus": "http://localhost:9090",
            "signals": [{"name": f"s{i}", "query": str(i), "forecast": options.method} for i in names],
            "models": {"built_in": []},
        }
    )
    now = [START]
    running = Infrastructure(section, [], clock=lambda: now[0], client=Recorded())
    before = _spent(), _memory()
    running.look()
    asked = _spent()
    running.fitter.work()
    running.update()
    learnt, memory = _spent(), _memory()
    print(f"{options.signals} signals, {options.method}")
    print(f"the history taken in      {asked - before[0]:8.2f} s of CPU")
    print(f"learnt for the first time {learnt - asked:8.2f} s of CPU")
    print(f"memory beyond the start   {memory - before[1]:8.1f} MiB")
    for _ in range(60 * options.hours):
        now[0] += section.step
        running.look()
        if running.fitter.waiting:
            running.fitter.work()
            running.update()
        sum(1 for _ in infrastructure_series(running.snapshot))
    print(f"an hour from then on      {(_spent() - learnt) / options.hours:8.2f} s of CPU")
    print(f"memory after that         {_memory() - before[1]:8.1f} MiB")


def _spent() -> float:
    """CPU seconds of this process and of those that ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def _memory() -> float:
    """MiB, at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
