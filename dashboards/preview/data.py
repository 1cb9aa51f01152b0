"""A Prometheus that has had the exporter's metrics and the rules for a week."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import drift_exporter
from preview.feed import FINE, GRID, RECENT, scraped
from preview.page import digest
from preview.rules import evaluate, read_rules
from preview.world import END
from support.backfill import KEPT, backfill
from support.servers import prometheus, prometheus_config

HERE = Path(__file__).resolve().parent
RULES = HERE.parents[1] / "alerting" / "rules"
GRIDS = (GRID, (END - RECENT, END, FINE))


@dataclass(frozen=True)
class Source:
    """A Prometheus, the time as of which it is asked (seconds since the epoch), and how often it scrapes."""

    url: str
    now: float
    scrape_seconds: float


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[Source]:
    """Such a Prometheus. It is filled anew where the exporter, the rules or the world are others now."""
    exporter = digest(
        [Path(drift_exporter.__file__).parent, *HERE.glob("*.yml"), *map(HERE.joinpath, _MAKERS)]
    )
    raw, ruled = folder / f"data-{exporter[:12]}", folder / f"ruled-{exporter[:12]}-{digest([RULES])[:12]}"
    if not raw.exists():
        _forget(folder, "data-*")
        with _whole(raw) as new:
            series = scraped(new / "exporter")
            backfill(
                new, {name: (np.array(times), np.array(values)) for name, (times, values) in series.items()}
            )
            shutil.rmtree(new / "exporter")
    if not ruled.exists():
        _forget(folder, "ruled-*")
        with _whole(ruled) as new:
            shutil.copytree(raw, new, dirs_exist_ok=True)
            evaluate(new, read_rules(sorted(RULES.glob("*.yml"))), GRIDS)
    with prometheus(ruled, prometheus_config({}), flags=KEPT) as server:
        yield Source(server.url, END, FINE)


_MAKERS = ("world.py", "cluster.py", "elsewhere.py", "feed.py")


@contextlib.contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A new folder that is called so only once all of it is there."""
    new = folder.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    yield new
    new.rename(folder)


def _forget(folder: Path, pattern: str) -> None:
    for old in folder.glob(pattern):
        shutil.rmtree(old)
