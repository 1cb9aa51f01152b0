"""The HTTP source as it is configured, from the YAML to the metrics and dead letters."""

import json
from pathlib import Path
from typing import Any

import pytest

from drift_exporter.once import run_once
from support.origin import Asked, Reply, origin
from support.records import write_config

RECORDS = [{"ts": 1_735_000_000 + number, "prediction": str(number % 2)} for number in range(10)]
NDJSON = b"".join(json.dumps(record).encode() + b"\n" for record in RECORDS)
CSV = b"ts,prediction\n" + b"".join(f"{one['ts']},{one['prediction']}\n".encode() for one in RECORDS)


def answer(asked: Asked) -> Reply:
    """All the ways of going on, by path."""
    if asked.headers.get("x-team") != "ml" or asked.headers.get("x-session") != "hush":
        return Reply(status=403)
    number = int(asked.query.get("page", "0"))
    held, more = RECORDS[4 * number : 4 * number + 4], 4 * number + 4 < len(RECORDS)
    url = f"http://{asked.headers['host']}{asked.path}?page={number + 1}"
    page = {"data": {"items": held}, "next": number + 1 if more else None, "url": url if more else ""}
    lines = b"".join(json.dumps(record).encode() + b"\n" for record in held)
    match asked.path:
        case "/pages":
            return Reply(json.dumps(page).encode())
        case "/lines":
            headers = {"X-Next": str(number + 1), "Link": f'<{url}>; rel="following"'}
            return Reply(lines, headers=headers if more else {})
        case "/newer":
            first = float(asked.query["since"])
            newer = [record for record in RECORDS if record["ts"] >= first]  # type: ignore[operator]
            return Reply(json.dumps(newer[:4]).encode())
        case "/log.csv":
            return Reply(CSV)
    return Reply(NDJSON)


@pytest.mark.parametrize(
    "source",
    [
        {"url": "/log"},
        {"url": "/log.csv"},
        {"url": "/log", "range": True},
        {"url": "/lines", "cursor": {"parameter": "page", "header": "X-Next"}},
        {"url": "/lines", "link": "following"},
        {
            "url": "/pages",
            "format": "json",
            "records": "data.items",
            "cursor": {"parameter": "page", "field": "next", "start": 0},
        },
        {"url": "/pages", "format": "json", "records": "data.items", "link": {"field": "url"}},
        {
            "url": "/newer",
            "format": "json",
            "since": {"field": "ts", "start": 1_735_000_000, "overlap": "1s"},
        },
    ],
    ids=str,
)
def test_once_counts_every_record_once(source: dict[str, Any], tmp_path: Path) -> None:
    with origin(answer) as server:
        metrics, problems = run_once(config(tmp_path, server.url, source))
    assert [] == problems
    lines = metrics.decode().splitlines()
    assert 'drift_exporter_source_records_total{source="fraud/predictions"} 10.0' in lines
    (last,) = (line for line in lines if line.startswith("model_last_prediction_timestamp_seconds"))
    assert 1_735_000_009 == float(last.split()[-1])
    codes = [line for line in lines if line.startswith("drift_exporter_source_requests_total")]
    expected = (
        f'drift_exporter_source_requests_total{{code="200",source="fraud/predictions"}} {len(server.asked)}.0'
    )
    assert [expected] == codes


def test_a_bad_record_of_a_page_is_known_by_page_and_number(tmp_path: Path) -> None:
    with origin(lambda _: Reply(b'[{"ts": 1735000000, "prediction": "a"},\n 7, {"ts": "never"}]')) as server:
        file = config(tmp_path, server.url, {"url": "/a.json", "parameters": {"key": "hush"}})
        _, problems = run_once(file)
        assert [] == problems
        (letters,) = tmp_path.rglob("dead-letter/**/*.ndjson")
        found = [json.loads(line) for line in letters.read_text().splitlines()]
    assert [
        (f"{server.url}/a.json", 1, "not_object"),
        (f"{server.url}/a.json", 2, "timestamp_unreadable"),
    ] == [(letter["file"], letter["offset"], letter["reason"]) for letter in found]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with origin(lambda _: Reply(status=404)) as server:
        _, problems = run_once(config(tmp_path, server.url, {"url": "/log"}))
    assert [
        f"source fraud/predictions: {server.url}/log: the server answers 404 Not Found; check url"
    ] == problems


def config(folder: Path, server: str, source: dict[str, Any]) -> Path:
    """A configuration of one model."""
    (folder / "session").write_text("hush\n")
    sent = {"headers": {"X-Team": "ml"}, "header_files": {"X-Session": str(folder / "session")}}
    given = {"type": "http", **sent, **source, "url": server + source["url"]}
    fields = {"timestamp": "ts", "prediction": "prediction"}
    model = {"name": "fraud", "task": "binary", "predictions": {"source": given, "fields": fields}}
    return write_config(folder, [model])
