"""The whole way at scale: a log of a million lines through the real program."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.records import Setup, ndjson, record

LINES = 1_000_000
EACH = 100
BAD = {
    "malformed": [b"hello world", b'{"ts":1767323045', b"\0", b'{"ts":1767323045} trailing'],
    "invalid_utf8": [b'{"ts":1767323045,"version":"\xff"}'],
    "not_object": [b"[1,2,3]", b"null"],
    "timestamp_missing": [b'{"version":"v1"}'],
    "timestamp_unreadable": [b'{"ts":"yesterday","version":"v1"}'],
    "too_long": [b'{"ts":1767323045,"note":"' + b"x" * 5000 + b'"}'],
}


def run_once(config: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "drift_exporter.cli", "once", "--config", str(config)],
        capture_output=True,
        check=False,
        timeout=120,
        env=os.environ | {"PYTHONWARNINGS": "error"},
    )


def samples(text: bytes, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name == name
    }


def test_a_million_lines_with_a_thousand_bad_ones(tmp_path: Path) -> None:
    setup = Setup(tmp_path, limits={"line": "4KiB"})
    kinds = [(reason, line) for reason, lines in BAD.items() for line in lines]
    assert len(kinds) == 10
    bad = [line for _, line in kinds for _ in range(EACH)]
    stretch = LINES // len(bad)
    good = ndjson(
        *(record(1767323045 + i % 600, features={"amount": i % 100, "country": "a"}) for i in range(500))
    )
    good_lines = good.splitlines(keepends=True)
    assert (stretch - 1) % len(good_lines) == len(good_lines) - 1
    block = good + b"".join(good_lines[:-1])
    with (setup.logs / "big.ndjson").open("wb") as log:
        for line in bad:
            log.write(block + line + b"\n")

    done = run_once(setup.config_path)

    assert (0, b"") == (done.returncode, done.stderr)
    rejected = samples(done.stdout, "drift_exporter_source_rejected_total", "source", "reason")
    assert {
        ("fraud/predictions", reason): float(EACH * len(lines)) for reason, lines in BAD.items()
    } == rejected
    predictions = samples(done.stdout, "model_predictions_total", "model", "version")
    assert {("fraud", "v1"): float(LINES - len(bad))} == predictions
    assert LINES == sum(rejected.values()) + sum(predictions.values())

    letters = setup.dead_letters()
    assert {reason: EACH * len(lines) for reason, lines in BAD.items()} == Counter(
        letter["reason"] for letter in letters
    )
    # Each stands where its dead letter says it does.
    with (setup.logs / "big.ndjson").open("rb") as log:
        for letter, line in zip(letters, bad, strict=True):
            log.seek(letter["offset"])
            assert line == log.read(letter["length"])
    assert [letter["offset"] for letter in letters] == sorted({letter["offset"] for letter in letters})

    bins = samples(done.stdout, "model_column_bin_total", "column", "bin")
    for column in ("amount", "country", "prediction"):
        assert LINES - len(bad) == sum(n for (name, _), n in bins.items() if name == column)


@pytest.mark.parametrize("how", ["missing log", "bad archive", "dead letters cannot be written"])
def test_what_went_wrong_is_said_and_shows_in_the_exit_status(tmp_path: Path, how: str) -> None:
    setup = Setup(tmp_path)
    if how == "bad archive":
        (setup.logs / "a.ndjson").write_bytes(b"")
        setup = Setup(tmp_path, path="logs/*")
        (setup.logs / "a.ndjson.gz").write_bytes(b"no archive")
    if how == "dead letters cannot be written":
        (setup.logs / "a.ndjson").write_bytes(ndjson(record()) + b"junk\n")
        (tmp_path / "state").write_text("a file")

    done = run_once(setup.config_path)

    assert done.returncode == 1
    expected = {
        "missing log": f"no file matches {setup.logs}/*.ndjson",
        "bad archive": f"{setup.logs}/a.ndjson.gz: compressed data is damaged",
        "dead letters cannot be written": f"rejected records cannot be written to {tmp_path}/state/dead",
    }[how]
    assert f"error: source fraud/predictions: {expected}" in done.stderr.decode()
    assert {("fraud/predictions",): 0.0} == samples(done.stdout, "drift_exporter_source_up", "source")
    assert samples(done.stdout, "model_predictions_total", "model") == {}


def test_an_exemplar_log_gives_what_a_person_would_count(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    (setup.logs / "a.ndjson").write_text(
        "\n".join(
            json.dumps(record(ts, version=version, error=error, latency_ms=latency))
            for ts, version, error, latency in [
                (1767323045, "v1", None, 120),
                (1767323046, "v1", "boom", 250),
                (1767323047, "v2", False, -1),
            ]
        )
    )

    out = run_once(setup.config_path).stdout

    assert {("v1",): 2.0, ("v2",): 1.0} == samples(out, "model_predictions_total", "version")
    assert {("v1",): 1.0, ("v2",): 0.0} == samples(out, "model_prediction_errors_total", "version")
    assert {("v1",): 0.37, ("v2",): 0.0} == samples(out, "model_prediction_latency_seconds_sum", "version")
    assert {("v1",): 1767323046.0, ("v2",): 1767323047.0} == samples(
        out, "model_last_prediction_timestamp_seconds", "version"
    )
