"""The records that are shown are found again in logs of every format, with what they are called there."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from support.anomalies import Odd, found_in, rows
from support.formats import as_logfmt, as_ndjson
from support.records import ndjson

Rows = Sequence[dict[str, Any]]


def lines_of(records: Rows, form: Callable[..., str]) -> bytes:
    return "".join(form(**one, **one["features"]) + "\n" for one in records).encode()


def as_csv(records: Rows, file: Path) -> None:
    header = "ts,version,id,trace,prediction,features.amount,features.weight,features.shop\n"
    body = lines_of(
        records,
        lambda ts, version, id, trace, prediction, amount, weight, shop, **_: (  # noqa: A006  # as in the log
            f"{ts},{version},{id},{trace or ''},{prediction},{amount!r},{weight!r},{shop}"
        ),
    )
    file.write_bytes(header.encode() + body)


def as_text(records: Rows, file: Path) -> None:
    file.write_bytes(
        lines_of(
            records,
            lambda ts, version, id, trace, prediction, amount, weight, shop, **_: (  # noqa: A006
                f"{ts} {version} {id} {trace or '-'} {prediction} {amount!r} {weight!r} {shop}"
            ),
        )
    )


def as_parquet(records: Rows, file: Path) -> None:
    lines = file.with_suffix(".lines")
    lines.write_bytes(ndjson(*records))
    duckdb.sql(f"COPY (SELECT * FROM read_json('{lines}', format = 'newline_delimited')) TO '{file}'")
    lines.unlink()


PATTERN = (
    r"^(?P<ts>\S+) (?P<version>\S+) (?P<id>\S+) (?P<trace>\S+) (?P<prediction>\S+) "
    r"(?P<features_amount>\S+) (?P<features_weight>\S+) (?P<features_shop>\S+)$"
)
FORMATS: dict[str, tuple[Callable[[Rows, Path], object], dict[str, str]]] = {
    "ndjson": (lambda records, file: file.write_bytes(b"no record\n" + as_ndjson(records)), {}),
    "csv": (as_csv, {}),
    "parquet": (as_parquet, {}),
    "logfmt": (lambda records, file: file.write_bytes(as_logfmt(records)), {"format": "logfmt"}),
    "text": (as_text, {"format": "text", "pattern": PATTERN}),
}


@pytest.mark.parametrize("name", FORMATS)
def test_shown_records_have_their_ids_and_traces(tmp_path: Path, name: str) -> None:
    setup = Odd(tmp_path, examples=4)
    write, options = FORMATS[name]
    setup.options |= {"path": f"logs/a.{name}", **options}
    setup.write()
    records = rows(3_000, 2, odd=[5, 1_500, 2_401, 2_998])
    write(records, setup.logs / f"a.{name}")
    found = found_in(setup.evaluated())["ecod"]
    assert 3_000 == found.scored
    assert [
        ("id-2-2998", None),
        ("id-2-2401", "trace-2-2401"),
        ("id-2-1500", None),
        ("id-2-5", "trace-2-5"),
    ] == [(one.id, one.trace_id) for one in found.records]
    last = found.scores.exemplars[max(found.scores.exemplars)]
    assert ("id", "id-2-2998") == (last.label, last.trace_id)
