"""Labels come from any source and in any format."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests
import yaml

from drift_exporter.config import load_config
from drift_exporter.expose.render import render
from drift_exporter.runtime import take_snapshot
from drift_exporter.setting_up import make_model
from support.intake import answering
from support.kafka import running_noida
from support.labelled import (
    NOW,
    Row,
    configure,
    labels,
    metrics,
    predictions,
    same,
    values,
    write_rows,
)
from support.origin import Reply, origin
from support.s3 import S3, SECRET
from support.servers import until


def as_csv(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "y", "at"])
        writer.writeheader()
        writer.writerows(rows)


def as_json(path: Path, rows: list[Row]) -> None:
    path.write_text(json.dumps(rows))


def as_parquet(path: Path, rows: list[Row]) -> None:
    lines = write_rows(path.with_name("rows.ndjson"), rows)
    with duckdb.connect() as connection:
        connection.execute(f"COPY (FROM read_json('{lines}')) TO '{path}' (FORMAT parquet)")
    lines.unlink()


def as_logfmt(path: Path, rows: list[Row]) -> None:
    path.write_text("".join(f"id={row['id']} y={row['y']} at={row['at']!r}\n" for row in rows))


def expected_of(folder: Path, rows: list[Row], given: list[Row]) -> str:
    folder.mkdir()
    write_rows(folder / "predictions/p.ndjson", rows)
    write_rows(folder / "labels/l.ndjson", given)
    return metrics(configure(folder))


def with_source(config: Path, part: str, source: dict[str, Any]) -> Path:
    document = yaml.safe_load(config.read_text())
    document["models"][0][part]["source"] = source
    config.write_text(yaml.safe_dump(document))
    return config


@pytest.mark.parametrize(
    ("kind", "write"), [("csv", as_csv), ("json", as_json), ("parquet", as_parquet), ("logfmt", as_logfmt)]
)
def test_every_format_gives_the_same(
    tmp_path: Path, kind: str, write: Callable[[Path, list[Row]], None]
) -> None:
    rows = predictions(600)
    given = labels(rows)
    write_rows(tmp_path / "predictions/p.ndjson", rows)
    (tmp_path / "late").mkdir()
    write(tmp_path / f"late/l.{kind}", given)
    source = {"type": "file", "path": "late/*", "format": kind}
    config = with_source(configure(tmp_path), "labels", source)
    same(expected_of(tmp_path / "plain", rows, given), metrics(config))


def test_a_bad_label_goes_to_the_dead_letters_and_the_others_count(tmp_path: Path) -> None:
    rows = predictions(300)
    given = labels(rows)
    write_rows(tmp_path / "predictions/p.ndjson", rows)
    path = write_rows(tmp_path / "labels/l.ndjson", given)
    broken = '{"id": "r1", "y": 1, "at": "yesterday"}\nno label\n{"id": "r2", "y": [1], "at": 1790000000}\n'
    path.write_text(broken + path.read_text())
    text = metrics(configure(tmp_path))
    same(expected_of(tmp_path / "plain", rows, given), text)
    rejected = values(text, "drift_exporter_source_rejected_total", "source", "reason")
    assert 1 == rejected["m/labels", "timestamp_unreadable"]
    assert 1 == rejected["m/labels", "malformed"]
    assert 1 == values(text, "model_labels_rejected_total", "reason")["missing",]
    assert {("label",): 1.0} == values(text, "drift_exporter_invalid_values_total", "column")
    letters = (tmp_path / "state/dead-letter/m.labels.ndjson").read_text().splitlines()
    assert [str(path)] * 2 == [json.loads(letter)["file"] for letter in letters]


def test_labels_that_are_pushed(tmp_path: Path) -> None:
    rows = predictions(300)
    given = labels(rows)
    document = yaml.safe_load(configure(tmp_path).read_text())
    (model,) = document["models"]
    model["predictions"]["source"] = model["labels"]["source"] = {"type": "push"}
    with answering(tmp_path, model, windows=["24h", "7d"]) as own:
        for role, records in (("predictions", rows), ("labels", given)):
            body = "".join(json.dumps(record) + "\n" for record in records)
            answer = requests.post(
                f"{own.url}/v1/{role}/m",
                data=body,
                headers={"Content-Type": "application/x-ndjson"},
                timeout=30,
            )
            assert 202 == answer.status_code, answer.text
        until(lambda: joined(own.url) == len(given), what="all labels to be joined")
        text = requests.get(f"{own.url}/metrics", timeout=30).text
        assert 404 == requests.post(f"{own.url}/v1/predictions/m/labels", timeout=30).status_code
    same(expected_of(tmp_path / "plain", rows, given), text)


def joined(url: str) -> float:
    text = requests.get(f"{url}/metrics", timeout=30).text
    return sum(values(text, "model_labels_total", "version").values())


@pytest.mark.xdist_group("kafka")
def test_labels_from_kafka(tmp_path: Path) -> None:
    rows = predictions(300)
    given = labels(rows)
    write_rows(tmp_path / "predictions/p.ndjson", rows)
    (tmp_path / "broker").mkdir()
    with running_noida(tmp_path / "broker") as broker:
        broker.create("labels", 1)
        broker.produce("labels", [json.dumps(label).encode() for label in given])
        source = {"type": "kafka", "brokers": broker.address, "topic": "labels"}
        config = load_config(with_source(configure(tmp_path), "labels", source))
        model = make_model(config.models[0], config, clock=lambda: NOW)
        try:
            until(
                lambda: model.read() == 0 and model.ingest.outcomes is not None and total(model) == len(given)
            )
            snapshot = take_snapshot([model], reload_successful=True, reload_timestamp=NOW, now=NOW)
            text = render(snapshot, series_limit=10**6).body("text").decode()
        finally:
            model.close()
    same(expected_of(tmp_path / "plain", rows, given), text)


def test_labels_from_a_server(tmp_path: Path) -> None:
    rows = predictions(300)
    given = labels(rows)
    write_rows(tmp_path / "predictions/p.ndjson", rows)
    body = "".join(json.dumps(label) + "\n" for label in given).encode()
    with origin(lambda _: Reply(body)) as server:
        source = {"type": "http", "url": f"{server.url}/labels", "format": "ndjson"}
        text = metrics(with_source(configure(tmp_path), "labels", source))
    same(expected_of(tmp_path / "plain", rows, given), text)


def test_labels_from_a_bucket(tmp_path: Path) -> None:
    rows = predictions(300)
    given = labels(rows)
    write_rows(tmp_path / "predictions/p.ndjson", rows)
    with S3() as s3:
        for number, part in enumerate((given[:100], given[100:])):
            s3.put(f"labels/{number}.ndjson", "".join(json.dumps(one) + "\n" for one in part).encode())
        url = f"s3://{s3.bucket}/labels/*.ndjson"
        (tmp_path / "secret").write_text(SECRET)
        source = {"type": "objects", "url": url, "options": s3.options, "credentials": {"secret": "secret"}}
        text = metrics(with_source(configure(tmp_path), "labels", source))
    same(expected_of(tmp_path / "plain", rows, given), text)


def total(model: Any) -> int:  # noqa: ANN401
    return sum(one.count for one in model.ingest.outcomes.labelled.values())
