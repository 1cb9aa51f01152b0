"""Labels joined once: the exporter is killed again and again while predictions and labels are written.

DRIFT_EXPORTER_LABEL_KILLS is the number of kills (25).
"""

import json
import os
import random
import threading
import time
from pathlib import Path

from support import program
from support.labelled import MODEL, Row, configure, labels, metrics, predictions, same, values
from support.program import Process
from support.scrapes import scrape
from support.servers import free_port, until

KILLS = int(os.environ.get("DRIFT_EXPORTER_LABEL_KILLS", "25"))
PATIENCE = 60.0


class Writer:
    """Writes predictions, and labels in an order of their own, some of them twice, a few lines at a time."""

    def __init__(self, folder: Path, rows: list[Row], given: list[Row]) -> None:
        self._chance = random.Random(7)  # noqa: S311  # no secret
        repeated = self._chance.sample(given, len(given) // 5)
        late = self._chance.sample([*given, *repeated], len(given) + len(repeated))
        self._left = {"predictions/p.ndjson": rows[::-1], "labels/l.ndjson": late}
        self._folder = folder
        for name in self._left:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)

    def write(self, share: float) -> None:
        """Append a share of what is left, cut at any byte once in a while."""
        for name, left in self._left.items():
            count = max(1, int(len(left) * share)) if share < 1 else len(left)
            data = "".join(json.dumps(left.pop()) + "\n" for _ in range(min(count, len(left))))
            cut = self._chance.randrange(len(data) + 1)
            for part in (data[:cut], data[cut:]):
                with (self._folder / name).open("a") as log:
                    log.write(part)


def start(folder: Path, config: Path) -> tuple[Process, str]:
    address = f"127.0.0.1:{free_port()}"
    return program.start(program.serve(config, address), folder / "log"), f"http://{address}/metrics"


def test_killed_exporters_join_each_label_once(tmp_path: Path) -> None:
    rows = predictions(4000)
    given = labels(rows)
    # Labels come in no order at all, up to as many days late as there are.
    config = configure(tmp_path, interval="100ms", labels={**MODEL["labels"], "max_delay": "14d"})
    writer = Writer(tmp_path, rows, given)
    chance = random.Random(11)  # noqa: S311  # no secret
    joined = 0.0
    for _ in range(KILLS):
        process, url = start(tmp_path, config)
        writer.write(0.08)
        killer = threading.Timer(chance.uniform(0.1, 1.2), process.kill)
        killer.start()
        while process.poll() is None:
            found = sum(values(scrape(url), "model_labels_total", "version").values())
            # What was told is never taken back.
            assert not found or found >= joined
            joined = max(joined, found)
            time.sleep(0.05)
        killer.join()
        assert -9 == process.wait(), (tmp_path / "log").read_text()
    writer.write(1.0)
    process, url = start(tmp_path, config)
    try:
        until(lambda: is_read(scrape(url), tmp_path), PATIENCE, what="all to be read")
        text = scrape(url)
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in (tmp_path / "log").read_text()
    assert {("duplicate",): len(given) // 5} == {
        key: value for key, value in values(text, "model_labels_rejected_total", "reason").items() if value
    }
    same(metrics(config), text)


def is_read(text: str, folder: Path) -> bool:
    """Whether as many records were counted as were written."""
    written = {
        ("m/predictions",): (folder / "predictions/p.ndjson").read_text().count("\n"),
        ("m/labels",): (folder / "labels/l.ndjson").read_text().count("\n"),
    }
    return bool(text) and written == values(text, "drift_exporter_source_records_total", "source")
