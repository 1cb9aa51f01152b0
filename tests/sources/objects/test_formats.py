"""Objects in every format give the metrics that the same records give in a file of NDJSON."""

import gzip
import json
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import zstandard

from drift_exporter.once import run_once
from drift_exporter.reference.store import save_reference
from support.formats import FORMATS, as_ndjson
from support.records import FIELDS, NOW, read_lines, record, usual_reference, write_config
from support.s3 import S3, SECRET
from support.tally import Key, key, parse

# Latencies whose sum is the same in any order.
ROWS = [
    record(NOW + number, latency_ms=125.0, features={"amount": number % 130, "country": "abé1z"[number % 5]})
    for number in range(200)
]
PACKS = {"plain": bytes, "gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with S3() as server:
        yield server


def told(folder: Path, source: dict[str, Any], problems: Sequence[str] = ()) -> dict[Key, float]:
    """What ``once`` prints of the model."""
    save_reference(usual_reference(), folder / "reference.json")
    predictions = {"source": source, "fields": FIELDS}
    model = {"name": "fraud", "task": "binary", "reference": "reference.json", "predictions": predictions}
    metrics, found = run_once(write_config(folder, [model]))
    assert list(problems) == found
    return {one: value for one, value in parse(metrics.decode())[0].items() if one[0].startswith("model_")}


def objects(s3: S3, folder: Path, pattern: str, options: dict[str, str]) -> dict[str, Any]:
    """A source that reads all objects under a pattern."""
    (folder / "secret").write_text(SECRET)
    own = {"options": s3.options, "credentials": {"secret": "secret"}}
    return {"type": "objects", "url": f"s3://{s3.bucket}/{pattern}", **own, **options}


@pytest.mark.parametrize(("form", "pack"), list(zip(FORMATS, cycle(PACKS))))
def test_objects_of_every_format_give_the_metrics_of_the_same_records_in_a_file(
    s3: S3, tmp_path: Path, form: str, pack: str
) -> None:
    write, options = FORMATS[form]
    for number, rows in enumerate((ROWS[:90], ROWS[90:])):
        s3.put(f"{form}/{pack}/{number}", PACKS[pack](write(rows)))
    (tmp_path / "log.ndjson").write_bytes(as_ndjson(ROWS))
    expected = told(tmp_path, {"type": "file", "path": "log.ndjson"})
    assert expected == told(tmp_path, objects(s3, tmp_path, f"{form}/{pack}/*", dict(options)))


def test_a_record_that_is_wrong_is_led_back_to_its_place_in_an_array(s3: S3, tmp_path: Path) -> None:
    good = json.dumps(ROWS[0]).encode()
    wrong = b'{"ts": "never"}'
    s3.put("wrong/a.json", b"[" + good + wrong + b",\n 7,\n" + good + b"]")
    counted = told(tmp_path, objects(s3, tmp_path, "wrong/*.json", {"format": "json"}))
    assert 2 == counted[key("model_predictions_total", model="fraud", version="v1")]
    letters = read_lines(tmp_path / "state" / "dead-letter" / "fraud.predictions.ndjson")
    url = f"s3://{s3.bucket}/wrong/a.json"
    places = [(letter["reason"], letter["file"], letter["offset"]) for letter in letters]
    end = 1 + len(good) + len(wrong)
    assert [("timestamp_unreadable", url, 1 + len(good)), ("not_object", url, end + 3)] == places
