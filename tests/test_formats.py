"""The whole way of records in each format: the same give the same metrics, bad ones cost nothing else."""

import gzip
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml
import zstandard

from drift_exporter.config import load_config
from drift_exporter.errors import ConfigurationError
from drift_exporter.once import run_once
from drift_exporter.reference.build import build_reference
from drift_exporter.setting_up import make_model
from support.formats import FORMATS, PATTERN, Row, as_logfmt, as_ndjson, as_text
from support.records import FIELDS, NOW, Setup, bins

SOURCES_PAGE = (Path(__file__).parents[1] / "docs" / "sources.md").read_text(encoding="utf-8")
PACK = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}
CHANGING = re.compile(
    rb"(?m)^(?:# .*|drift_exporter_(?:build_info|evaluation_duration|checkpoint|config_|source_bytes|"
    rb"source_lag|state_|process_).*|process_.*|python_.*)\n"
)


def make_rows(count: int, seed: int = 1) -> list[Row]:
    """Predictions in which everything occurs that a format can hold."""
    random = np.random.default_rng(seed)
    rows = []
    for i in range(count):
        features = {
            "amount": None if random.random() < 0.1 else round(float(random.normal(50, 30)), 3),
            "country": str(random.choice(["a", "b", "é", "1", 'x "y" = z', "c\\d", "true", "other"])),
        }
        if random.random() < 0.02:
            features["amount"] = "many"
        rows.append(
            {
                "ts": f"2026-01-02T{i // 3600 % 24:02d}:{i // 60 % 60:02d}:{i % 60:02d}.{i % 1000:03d}Z",
                "version": str(random.choice(["v1", "v2", "1.0"])),
                "prediction": str(random.choice(["yes", "no", "perhaps"])),
                "score": round(float(random.random()), 6),
                "latency_ms": None if random.random() < 0.1 else round(float(random.gamma(2, 50)), 2),
                "error": None if random.random() < 0.9 else "out of memory",
                "trace_id": f"{i:016x}" if i % 7 else None,
                "features": features,
            }
        )
    return rows


def metrics(folder: Path, content: bytes, ending: str, **options: object) -> bytes:
    folder.mkdir()
    setup = Setup(folder, path=f"logs/a.{ending}", **options)
    (setup.logs / f"a.{ending}").write_bytes(content)
    text, problems = run_once(setup.config_path)
    assert [] == problems
    return CHANGING.sub(b"", text)


@pytest.mark.parametrize("pack", PACK)
@pytest.mark.parametrize("form", FORMATS)
def test_the_same_records_give_the_same_metrics(tmp_path: Path, form: str, pack: str) -> None:
    rows = make_rows(3000)
    expected = metrics(tmp_path / "lines", as_ndjson(rows), "ndjson")
    write, options = FORMATS[form]

    found = metrics(tmp_path / "same", PACK[pack](write(rows)), f"log{pack}", **options)

    # Versions stand in the order in which they were found, which is that of the bytes read at first.
    assert sorted(expected.splitlines()) == sorted(found.splitlines())
    assert b'model_predictions_total{model="fraud",version="v2"}' in found
    assert b'drift_exporter_invalid_values_total{column="amount"' in found.replace(b'model="fraud",', b"")


@pytest.mark.parametrize("form", FORMATS)
def test_ids_count_once(tmp_path: Path, form: str) -> None:
    rows = [dict(row, trace_id=f"id{i % 700}") for i, row in enumerate(make_rows(1000))]
    write, options = FORMATS[form]
    setup = Setup(tmp_path, path="logs/a.log", fields=FIELDS | {"id": "trace_id"}, **options)
    document = json.loads(setup.config_path.read_text())
    document["models"][0]["predictions"]["deduplicate"] = "24h"
    setup.config_path.write_text(json.dumps(document))
    (setup.logs / "a.log").write_bytes(write(rows))
    model = setup.model(final=True)

    model.read()

    assert (700, 300) == (model.ingest.records, model.ingest.duplicates)
    model.close()


BAD: dict[str, list[tuple[str, bytes]]] = {
    "json": [
        ("malformed", b'{"ts": 1767323045 "version": "v1"}'),
        ("malformed", b'{"ts": 1767323045, "error": "x\n'),
        ("malformed", b'{"ts": 1767323045, {"ts": 1}}\n'),
        ("malformed", b"what is this?\n"),
        ("invalid_utf8", b'{"ts":1767323045,"version":"\xff"}'),
        ("not_object", b"17"),
        ("not_object", b'"{"'),
        ("timestamp_missing", b'{"version":"v1"}'),
        ("timestamp_unreadable", b'{"ts":"yesterday"}'),
        ("too_long", b'{"ts":1767323045,"note":[{"x": "' + b"x" * 5000 + b'"}]}'),
    ],
    "logfmt": [
        ("malformed", b"Traceback (most recent call last):\n"),
        ("malformed", b'ts=1767323045 msg="not closed\n'),
        ("invalid_utf8", b"ts=1767323045 version=\xff\n"),
        ("timestamp_missing", b"version=v1 ts=\n"),
        ("timestamp_unreadable", b"version=v1 ts=yesterday\n"),
        ("too_long", b"ts=1767323045 note=" + b"x" * 5000 + b"\n"),
    ],
    "text": [
        ("malformed", b"Traceback (most recent call last):\n"),
        ("invalid_utf8", as_text([{"ts": 1767323045, "error": "?"}]).replace(b"?", b"\xfe")),
        ("timestamp_missing", as_text([{"ts": "-"}])),
        ("timestamp_unreadable", as_text([{"ts": "yesterday"}])),
        ("too_long", as_text([{"ts": 1767323045, "error": "x" * 5000}])),
    ],
}
JOINED = {"array": b",", "pretty array": b",\n"}


def with_bad(form: str, rows: Sequence[Row], copies: int) -> tuple[bytes, Counter[str], int]:
    """Many good records with bad ones of each kind in between; how many of each there are."""
    write, options = FORMATS[form]
    block = write(rows)
    joint = JOINED.get(form, b"\n" if not block.endswith(b"\n") else b"")
    if form in JOINED:
        block = block.strip().removeprefix(b"[").removesuffix(b"]")
    kinds = BAD[options["format"]]
    pieces = [b"[\n"] if form in JOINED else []
    for copy in range(copies):
        bad = kinds[copy % len(kinds)][1]
        # A bad record may run to the end of its line.
        pieces += [block, joint, bad, b"" if bad.endswith(b"\n") else joint or b"\n"]
    pieces += [block, b"\n]" if form in JOINED else b""]
    reasons = Counter(kinds[copy % len(kinds)][0] for copy in range(copies))
    return b"".join(pieces), reasons, (copies + 1) * len(rows)


@pytest.mark.parametrize("pack", ["", ".zst"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_hundred_thousand_records_with_bad_ones_of_every_kind(tmp_path: Path, form: str, pack: str) -> None:
    content, reasons, records = with_bad(form, make_rows(1000), 100)
    assert records == 101_000
    setup = Setup(tmp_path, path="logs/a.log*", limits={"line": "4KiB"}, **FORMATS[form][1])
    (setup.logs / f"a.log{pack}").write_bytes(PACK[pack](content))
    model = setup.model(final=True)

    model.read()

    assert model.problem is None
    assert reasons == model.ingest.rejected
    assert records == model.ingest.records
    letters = setup.dead_letters()
    assert reasons == Counter(letter["reason"] for letter in letters)
    for letter in letters:
        if letter["reason"] != "invalid_utf8":
            raw = letter["raw"].encode()
            found = content[letter["offset"] :][: len(raw)]
            assert raw.split() == found.split(), letter
    model.close()


@pytest.mark.parametrize("form", FORMATS)
def test_a_log_that_grows_by_any_number_of_bytes(tmp_path: Path, form: str) -> None:
    rows = make_rows(400, seed=3)
    content = FORMATS[form][0](rows)
    setup = Setup(tmp_path, path="logs/*.log", **FORMATS[form][1])
    model = setup.model()
    random = np.random.default_rng(5)
    place = 0
    with (setup.logs / "a.log").open("ab") as log:
        while place < len(content):
            size = int(random.choice([1, 7, 300, 5000]))
            log.write(content[place : place + size])
            log.flush()
            place += size
            model.read()
            assert model.problem is None

    assert len(rows) == model.ingest.records
    assert {} == model.ingest.rejected
    yes = {
        version: sum(row["prediction"] == "yes" for row in rows if row["version"] == version)
        for version in ("v1",)
    }
    assert yes["v1"] == bins(model, "prediction")["yes"]
    model.close()


@pytest.mark.parametrize("form", FORMATS)
def test_references_are_the_same(tmp_path: Path, form: str) -> None:
    rows = [row for row in make_rows(2000) if row["features"]["amount"] != "many"]
    built = {}
    for name in ("ndjson", form):
        write, options = FORMATS.get(name, (as_ndjson, {"format": "ndjson"}))
        folder = tmp_path / name
        folder.mkdir()
        setup = Setup(folder, path="logs/a.log", references=None, **options)
        (setup.logs / "a.log").write_bytes(write(rows))
        built[name] = build_reference(
            setup.config, "fraud", [setup.logs / "a.log"], output=folder / "r.json", clock=lambda: NOW
        )

    assert built["ndjson"].fingerprint == built[form].fingerprint
    assert built["ndjson"].notes == built[form].notes
    assert (built["ndjson"].rows, built["ndjson"].start) == (built[form].rows, built[form].start)
    sample = [(tmp_path / name / "r.sample.parquet").read_bytes() for name in ("ndjson", form)]
    assert sample[0] == sample[1]


@pytest.mark.parametrize("form", FORMATS)
def test_a_reference_says_where_values_are_odd(tmp_path: Path, form: str) -> None:
    rows = make_rows(300)
    odd = next(i for i, row in enumerate(rows) if row["features"]["amount"] == "many")
    content = FORMATS[form][0](rows)
    setup = Setup(tmp_path, path="logs/a.log", columns={"amount": {"type": "numeric"}}, **FORMATS[form][1])
    (setup.logs / "a.log").write_bytes(content)

    found = build_reference(setup.config, "fraud", [setup.logs / "a.log"], output=tmp_path / "r.json")

    note = next(note for note in found.notes if note.startswith("amount:"))
    assert "'many'" in note
    before = FORMATS[form][0](rows[:odd])
    expected = before.count(b"\n") + 1 if form not in JOINED and form != "side by side" else None
    if form == "pretty array":
        record = content[: content.index(b'"many"')].rfind(b"\n  {\n") + 1
        expected = content[:record].count(b"\n") + 1
    if form in {"array", "side by side"}:
        expected = 1
    assert f"{setup.logs / 'a.log'}:{expected}" in note


DOCUMENTED = re.findall(
    r"```(?:json)?\n([^`]*)```\n\n(?:[^`]*\n\n)?```yaml\n(.*?)```", SOURCES_PAGE, re.DOTALL
)


def test_the_page_has_examples_of_lines() -> None:
    assert len(DOCUMENTED) >= 4


@pytest.mark.parametrize(("lines", "example"), DOCUMENTED)
def test_documented_lines_are_read_as_documented(tmp_path: Path, lines: str, example: str) -> None:
    document = yaml.safe_load(example)
    source = document["models"][0]["predictions"]["source"]
    log = tmp_path / "example.log"
    log.write_text(lines)
    source["path"] = str(log)
    (tmp_path / "config.yml").write_text(yaml.safe_dump(document | {"state_dir": "state"}))
    config = load_config(tmp_path / "config.yml")
    model = make_model(config.models[0], config, final=True, clock=lambda: NOW)
    model.read()

    assert model.problem is None
    assert {} == model.ingest.rejected
    assert (2 if source["format"] in {"json", "text"} else 1) == model.ingest.records
    assert model.ingest.watermark is not None
    assert 0 <= model.ingest.watermark / 1e6 - NOW < 2
    if config.models[0].predictions.fields.latency is not None:
        assert 0 < sum(totals.latency.sum() for totals in model.ingest.totals.values())
    model.close()


def test_a_pattern_that_only_re2_can_refuse(tmp_path: Path) -> None:
    setup = Setup(
        tmp_path, fields={"timestamp": "ts"}, references=None, format="text", pattern=r"(?P<ts>\d{1,1001})"
    )

    with pytest.raises(ConfigurationError, match=r"invalid repetition size.*RE2"):
        setup.model()


def test_a_column_that_no_group_holds(tmp_path: Path) -> None:
    pattern = PATTERN.replace("(?P<features_country>.*)", ".*")
    setup = Setup(tmp_path, format="text", pattern=pattern)

    with pytest.raises(
        ConfigurationError, match=r"'features\.country' leads to the group 'features_country'"
    ):
        setup.model()


def test_a_form_of_timestamps_is_for_every_format(tmp_path: Path) -> None:
    fields = {"timestamp": "ts", "timestamp_format": "%d.%m.%Y %H:%M", "features": {"x": "x"}}
    contents = {
        "ndjson": b'{"ts": "02.01.2026 03:04", "x": 1}\n{"ts": "2026-01-02", "x": 2}\n',
        "json": b'[{"ts": "02.01.2026 03:04", "x": 1}, {"ts": "2026-01-02", "x": 2}]',
        "csv": b"ts,x\n02.01.2026 03:04,1\n2026-01-02,2\n",
        "logfmt": b'ts="02.01.2026 03:04" x=1\nts=2026-01-02 x=2\n',
        "text": b"02.01.2026 03:04|1\n2026-01-02|2\n",
    }
    for kind, content in contents.items():
        folder = tmp_path / kind
        folder.mkdir()
        options = {"pattern": r"(?P<ts>.*)\|(?P<x>.*)"} if kind == "text" else {}
        setup = Setup(folder, path="logs/a.log", fields=fields, references=None, format=kind, **options)
        (setup.logs / "a.log").write_bytes(content)
        model = setup.model(final=True)
        model.read()

        assert (1, {"timestamp_unreadable": 1}) == (model.ingest.records, dict(model.ingest.rejected))
        assert 1_767_323_040_000_000 == model.ingest.watermark
        assert "%d.%m.%Y %H:%M" in setup.dead_letters()[0]["detail"]
        if kind != "csv":
            with pytest.raises(ConfigurationError, match="timestamp_format '%Q' cannot be used"):
                Setup(
                    folder,
                    fields=fields | {"timestamp_format": "%Q"},
                    references=None,
                    format=kind,
                    **options,
                ).model()
        model.close()


def test_models_that_share_a_log(tmp_path: Path) -> None:
    fields = {"timestamp": "ts", "model": "model", "features": {"x": "x"}}
    logs = {
        "json": b'[{"ts":1,"model":"fraud","x":1},{"ts":2,"model":"other","x":1},{"ts":3},{"model":"fraud"}]',
        "logfmt": b"ts=1 model=fraud x=1\nts=2 model=other x=1\nts=3 x=1\nmodel=fraud\nno\n",
        "text": b"1 fraud 1\n2 other 1\n3 - 1\n- fraud 1\nno\n",
    }
    for kind, content in logs.items():
        folder = tmp_path / kind
        folder.mkdir()
        options = {"pattern": r"(?P<ts>\S+) (?P<model>\S+) (?P<x>\S+)"} if kind == "text" else {}
        setup = Setup(folder, path="logs/a.log", fields=fields, references=None, format=kind, **options)
        (setup.logs / "a.log").write_bytes(content)
        model = setup.model(final=True)
        model.read()

        assert 1 == model.ingest.records
        assert {"other": 1, "unnamed": 1} == dict(model.ingest.strangers)
        assert 1 == model.ingest.rejected["timestamp_missing"]
        model.close()


def test_logs_in_text_are_merged_by_time(tmp_path: Path) -> None:
    """The first record's time decides which file is read first, in every format."""
    for kind, write in (("logfmt", as_logfmt), ("text", as_text)):
        folder = tmp_path / kind
        folder.mkdir()
        options = {"pattern": PATTERN} if kind == "text" else {}
        setup = Setup(folder, path="logs/*.log", windows=["1m"], format=kind, **options)
        for name, hour in (("a", 2), ("b", 1)):
            rows = [dict(row, ts=f"2026-01-02T0{hour}:00:00Z") for row in make_rows(10)]
            (setup.logs / f"{name}.log").write_bytes(write(rows))
        model = setup.model(final=True)
        model.read()

        # Read in the other order all records of the earlier hour would be late.
        assert {} == {reason: count for reason, count in model.ingest.late.items() if count}
        model.close()
