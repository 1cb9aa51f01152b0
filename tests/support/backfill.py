"""Series of the past in a Prometheus of its own, as ``promtool`` makes blocks of them."""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from support.servers import Prometheus, program, prometheus, prometheus_config

Values = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Times in seconds since the epoch, and values."""

KEPT = ("--storage.tsdb.retention.time=100y",)
"""So that what is old stays."""


def backfill(folder: Path, series: Mapping[str, Values]) -> None:
    """Write blocks for a server in ``folder``: series by their name with labels as Prometheus writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    text = folder / "series.om"
    by_name: dict[str, list[str]] = {}
    for labelled, (times, values) in series.items():
        lines = by_name.setdefault(labelled.split("{")[0], [])
        lines += [
            f"{labelled} {value!r} {time:.3f}"
            for time, value in zip(times.tolist(), values.tolist(), strict=True)
        ]
    with text.open("w", encoding="utf-8") as file:
        for name, lines in by_name.items():
            file.write(f"# TYPE {name} unknown\n")
            file.writelines(line + "\n" for line in lines)
        file.write("# EOF\n")
    command = [program("promtool"), "tsdb", "create-blocks-from", "--max-block-duration=1440h", "--quiet"]
    subprocess.run([*command, "openmetrics", text, folder / "tsdb"], check=True, capture_output=True)
    text.unlink()


@contextlib.contextmanager
def backfilled(
    folder: Path, series: Mapping[str, Values], flags: Sequence[str] = (), port: int | None = None
) -> Iterator[Prometheus]:
    """A Prometheus that has these series and asks nobody for more."""
    if not (folder / "tsdb").exists():
        backfill(folder, series)
    with prometheus(folder, prometheus_config({}), flags=(*KEPT, *flags), port=port) as server:
        yield server
