"""Memory is bounded whatever a log holds: peak memory of whole processes that read logs made to take much."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.store import save_reference
from support.records import model_config, reference, write_config
from support.scrapes import series

SIZE = 2 << 20
LIMIT = 64
"""MiB for decoding; a chunk is then 12.8 MiB, and the whole log one chunk."""

COLUMNS = 20
READ, REJECTED = "drift_exporter_source_records_total", "drift_exporter_source_rejected_total"


def lines(line: bytes) -> bytes:
    return line * (SIZE // len(line))


def rejected(line: bytes) -> bytes:
    """As many lines that no more than 200 bytes may be kept of each; every one becomes a dead letter."""
    return line * 500_000


LOGS: Mapping[str, tuple[bytes, str, str]] = {
    "objects without anything": (rejected(b"{}\n"), REJECTED, "timestamp_missing"),
    "garbage": (rejected(b"x\n"), REJECTED, "malformed"),
    "lists": (rejected(b"[]\n"), REJECTED, "not_object"),
    "null": (rejected(b"null\n"), REJECTED, "not_object"),
    "nothing but the time": (lines(b'{"ts":1767323045}\n'), READ, ""),
    "numbers that are none": (lines(b'{"ts":1767323045,"features":{"x0":"x"}}\n'), READ, ""),
    "objects in objects": (
        lines(b'{"ts":1767323045,"a":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}\n"), READ, "",
    ),
    "versions": (
        b"".join(b'{"ts":1767323045,"version":"%d"}\n' % i for i in range(SIZE // 34)), READ, "",
    ),
    "long texts": (lines(b'{"ts":1767323045,"version":"' + b"y" * 900_000 + b'"}\n'), READ, ""),
}  # fmt: skip


def peak(folder: Path, log: bytes) -> tuple[float, dict[str, float]]:
    """Peak memory in MiB of an exporter that reads a log, and its metrics."""
    (folder / "log.ndjson").write_bytes(log)
    columns = [numeric_column(f"x{i}", "feature", np.arange(10.0)) for i in range(COLUMNS)]
    save_reference(reference(*columns), folder / "reference.json")
    fields = {"timestamp": "ts", "version": "version", "features": "features.*"}
    model = model_config(path="log.ndjson", reference="reference.json", fields=fields)
    config = write_config(folder, [model], limits={"memory": f"{LIMIT}MiB"})
    with (folder / "out").open("w+") as out, (folder / "err").open("w+") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "drift_exporter.cli", "once", "--config", str(config)],
            stdout=out,
            stderr=err,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        err.seek(0)
        assert 0 == process.returncode, err.read()
        out.seek(0)
        return usage.ru_maxrss / 1024, series(out.read())


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Peak memory in MiB with next to nothing to read."""
    return peak(tmp_path_factory.mktemp("idle"), b'{"ts":1767323045}\n')[0]


@pytest.mark.parametrize("name", LOGS)
def test_memory_is_bounded_and_every_line_counted(tmp_path: Path, name: str, idle: float) -> None:
    log, metric, reason = LOGS[name]
    used, found = peak(tmp_path, log)

    label = f'reason="{reason}",' if reason else ""
    assert log.count(b"\n") == found[f'{metric}{{{label}source="fraud/predictions"}}']
    assert used - idle < 1.5 * LIMIT
