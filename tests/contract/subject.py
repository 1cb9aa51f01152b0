"""An exporter that reads one source, started again and again, with a tally of what was put there."""

import contextlib
import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import requests

from contract.harness import Harness
from drift_exporter.reference.store import save_reference
from support import program
from support.program import Process
from support.records import FIELDS, write_config
from support.servers import free_port, until
from support.tally import LINE_LIMIT, MODEL, SOURCE, Series, Tally, dead_letters, differences, key, parse
from support.watch import RECORDS, Watch

PATIENCE = 90.0
START = 1_735_000_000
"""Event time of the first records (epoch seconds); it is in the past of any clock here."""

UP = key("drift_exporter_source_up", source=SOURCE)
LAGS = [key(f"drift_exporter_source_lag_{unit}", source=SOURCE) for unit in ("bytes", "records")]
BYTES = key("drift_exporter_source_bytes_total", source=SOURCE)


class Subject:
    """A configuration of one model, what was published for it, and the exporters that count that."""

    def __init__(self, folder: Path, harness: Harness, **limits: Any) -> None:  # noqa: ANN401
        self.folder = folder
        self.harness = harness
        self.tally = Tally()
        self.watch = Watch(self.tally)
        self.lines: list[bytes] = []
        self.address = f"127.0.0.1:{free_port()}"
        self._limits = {"line": f"{LINE_LIMIT}B", **limits}
        self._random = np.random.default_rng(1)
        self._batches = 0
        for version, reference in self.tally.references.items():
            save_reference(reference, folder / f"{version}.json")
        self.configure()

    @property
    def url(self) -> str:
        """Where the exporters answer, one after the other."""
        return f"http://{self.address}"

    def configure(self, **options: Any) -> None:  # noqa: ANN401
        """Write the configuration, with ``options`` of the model."""
        model = {
            "name": MODEL,
            "task": "binary",
            "reference": {version: f"{version}.json" for version in self.tally.references},
            "predictions": {
                "source": self.harness.source(),
                "fields": {**FIELDS, "id": "request"},
                **self.harness.predictions(),
            },
            **options,
        }
        self.config = write_config(self.folder, [model], evaluation_interval="100ms", limits=self._limits)

    def publish(self, rows: int = 60) -> None:
        """Put new records there, some of which are malformed."""
        self._batches += 1
        newest = (START + 60 * self._batches) * 1_000_000
        lines = [line for line in self.tally.write(self._random, rows, newest).split(b"\n") if line.strip()]
        self.lines += lines
        self.harness.publish(lines, self.url)

    @contextlib.contextmanager
    def publishing(self, rows: int = 200) -> Iterator[None]:
        """Publish on a thread until the end of the block."""
        end = threading.Event()
        problems: list[BaseException] = []

        def work() -> None:
            try:
                while not end.is_set():
                    self.publish(int(self._random.integers(1, rows)))
                    end.wait(0.05)
            except BaseException as error:  # noqa: BLE001, told at the end of the block
                problems.append(error)

        thread = threading.Thread(target=work, name="publisher", daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()
        # What is pushed may have to wait for an exporter.
        with contextlib.nullcontext() if not self.harness.repeats or self._answers() else self.running():
            thread.join(PATIENCE)
        assert not thread.is_alive(), self.log()
        if problems:
            raise RuntimeError(f"publishing failed; {self.log()}") from problems[0]

    def start(self, *, command: bool = False) -> Process:
        """Start an exporter, as a command line or forked; it may be not ready yet."""
        start = program.start_command if command else program.start
        return start(program.serve(self.config, self.address), self.folder / "log")

    @contextlib.contextmanager
    def running(self, *, command: bool = False) -> Iterator[Process]:
        """An exporter that is ready, ended by SIGTERM if it still runs at the end; it must end well then."""
        process = self.start(command=command)
        try:
            until(lambda: self._is_ready(process), PATIENCE, what=f"ready; {self.log()}")
            yield process
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                assert 0 == process.wait(PATIENCE), self.log()
        finally:
            process.kill()
            process.wait()

    def scrape(self) -> Series:
        """One scrape; empty where there is no answer."""
        try:
            answer = requests.get(self.url + "/metrics", timeout=10)
        except requests.RequestException:
            return {}
        return self.watch.look(answer.text) if answer.ok else {}

    def settled(self) -> Series:
        """Wait until all that was published is counted; check that it is that exactly, and stays so."""
        whole = self.tally.records + len(self.tally.malformed)
        end = time.monotonic() + PATIENCE
        series = self.scrape()
        while _lines(series) < whole or any(series.get(lag) for lag in LAGS):
            if time.monotonic() > end:
                newest = {name: value for name, value in self.watch.newest.items() if "_source_" in name[0]}
                raise TimeoutError(f"not all of {whole} lines came: {newest}; {self.log()}")
            time.sleep(0.05)
            series = self.scrape()
        for _ in range(3):
            time.sleep(0.15)
            series = self.scrape() or series
        self._check(series)
        return series

    def check_once(self) -> None:
        """``once`` prints the same."""
        result = program.run("once", "--config", self.config, timeout=PATIENCE)
        assert (0, b"") == (result.returncode, result.stderr)
        assert {} == self._differences(parse(result.stdout.decode())[0])

    def letters(self) -> list[dict[str, Any]]:
        """All dead letters."""
        folder = self.folder / "state" / "dead-letter"
        return [
            json.loads(line)
            for path in sorted(folder.glob(f"{MODEL}.predictions*"))
            for line in path.read_bytes().splitlines()
        ]

    def log(self) -> str:
        """The end of what all exporters have said."""
        path = self.folder / "log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def _check(self, series: Series) -> None:
        assert {} == self._differences(series), self.log()
        assert [] == self.watch.problems, self.log()
        assert 1.0 == series[UP], self.log()
        found = dead_letters(self.folder / "state" / "dead-letter")
        written = Counter(self.tally.malformed)
        assert Counter() == written - found, "not in the dead-letter file"
        if not self.harness.repeats:
            assert Counter() == found - written, "more than once in the dead-letter file"

    def _differences(self, series: Series) -> dict[str, Any]:
        found = dict(differences(self.tally, series))
        for name, (expected, actual) in list(found.items()):
            # Who sends a line is free in what stands around it; who sends it again repeats what is wrong.
            more = self.harness.repeats and (expected or 0) <= (actual or 0)
            if name.startswith("drift_exporter_source_bytes_total") or (
                more and name.startswith(("drift_exporter_source_rejected", "drift_exporter_invalid_values"))
            ):
                del found[name]
        return found

    def _answers(self) -> bool:
        try:
            return requests.get(self.url + "/-/ready", timeout=10).ok
        except requests.RequestException:
            return False

    def _is_ready(self, process: Process) -> bool:
        assert process.poll() is None, f"the exporter ended by itself; {self.log()}"
        return self._answers()


def _lines(series: Series) -> float:
    """Lines counted and rejected."""
    names = {"drift_exporter_source_rejected_total"}
    return series.get(RECORDS, 0.0) + sum(value for (name, _), value in series.items() if name in names)
