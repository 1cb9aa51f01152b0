"""A week in fast motion over real HTTP answers: what is kept does not grow."""

import gc
import json
import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path

import numpy as np

from drift_exporter.infrastructure.book import VERSIONS
from drift_exporter.infrastructure.runtime import Infrastructure
from drift_exporter.state.store import Store
from support.origin import Asked, Reply, origin
from support.signals import DAY, FRAUD, NOW, WEEK, Clock, daily, look, section

STEP = 1_800.0


def answer(asked: Asked) -> Reply:
    """Two signals, and a metric of a model that has another version each day; now and then no answer."""
    start, end, step = (float(asked.query[key]) for key in ("start", "end", "step"))
    times = np.arange(start, end + 1, step)
    if end % DAY < STEP:
        return Reply(b"busy", 503)
    signal = asked.query["query"]
    found = []
    for day in sorted({int(time // DAY) for time in times.tolist()}) if signal == "model" else [0]:
        kept = times if signal != "model" else times[times // DAY == day]
        labels = {"model": "fraud", "version": str(day)} if signal == "model" else {}
        values = daily(kept, seed=len(signal))
        pairs = [[time, str(value)] for time, value in zip(kept.tolist(), values.tolist(), strict=True)]
        found.append({"metric": labels, "values": pairs})
    return Reply(
        json.dumps({"status": "success", "data": {"resultType": "matrix", "result": found}}).encode()
    )


def pages_of(path: Path) -> int:
    """Pages of the state, wherever they are written."""
    with closing(sqlite3.connect(path)) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    return int(pages)


def test_a_week_of_steps_takes_no_more_memory_and_state(tmp_path: Path) -> None:
    clock = Clock()
    names = ("one", "another")
    with origin(answer) as server, closing(Store(tmp_path)) as store:
        config = section(
            server.url,
            [{"name": name, "query": name} for name in names],
            step="30m",
            correlation={"window": "15h", "max_lag": "1h"},
            groups=[{"name": "both", "signals": list(names)}],
            models={"built_in": [], "metrics": {"throughput": "model"}},
        )
        followed = Infrastructure(config, [FRAUD], store, clock, pause=lambda _: False)
        server_asked, sizes, states = server.asked, [], []
        tracemalloc.start()
        try:
            for place in range(round(WEEK / STEP)):
                look(followed, clock, NOW + place * STEP)
                server_asked.clear()
                if clock.now % DAY < STEP:
                    gc.collect()
                    sizes.append(tracemalloc.get_traced_memory()[0])
                    states.append(pages_of(store.path))
        finally:
            tracemalloc.stop()

    versions = [key for key in followed.book.series if len(key) > 1]
    assert VERSIONS == len(versions)
    assert 2 + VERSIONS == len(followed.book.series)
    # The test's own server and the caches of libraries take some; a value kept of each step would take more.
    assert sizes[-1] - sizes[1] < 100_000
    assert states[-1] < 1.2 * states[1]
    # Every midnight had no answer, and that is all.
    assert {query.failures for query in followed.snapshot.queries} == {7}
    assert {True} == {query.success for query in followed.snapshot.queries}
