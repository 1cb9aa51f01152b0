import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from drift_exporter.errors import ReferenceFileError
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.document import fingerprint
from drift_exporter.reference.model import CategoricalColumn, NumericColumn, Reference
from drift_exporter.reference.store import load_reference, save_reference

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
FINITE = st.floats(-1e300, 1e300)
Document = dict[str, Any]
BUILD = "drift-exporter reference build --config CONFIG --model MODEL --input FILE --output"


def make_reference() -> Reference:
    values = np.random.default_rng(5).normal(size=1000)
    values[:30] = np.nan
    columns = (
        numeric_column("amount", "feature", values),
        categorical_column("land", "feature", {"de": 900, 'ö"\n': 60, "fr": 35}, 5, 2),
    )
    return Reference(
        model="loans",
        rows=1000,
        columns=columns,
        created=1732312722.123456,
        fingerprint=fingerprint(columns),
        start=1.5,
        end=2.25,
        performance={"accuracy": 0.1 + 0.2},
        notes=("land: 5 missing",),
        sample="loans.sample.parquet",
        seed=7,
    )


def assert_same(expected: Reference, actual: Reference) -> None:
    assert replace(expected, columns=()) == replace(actual, columns=())
    assert len(expected.columns) == len(actual.columns)
    for one, other in zip(expected.columns, actual.columns, strict=True):
        assert type(one) is type(other)
        for field in one.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "loans.json"
    save_reference(make_reference(), path)
    assert_same(make_reference(), load_reference(path))
    assert [path] == list(path.parent.iterdir()), "the temporary file is gone"


@given(
    values=nps.arrays(np.float64, st.integers(1, 300), elements=FINITE),
    counts=st.dictionaries(NAMES, st.integers(1, 50), min_size=1),
    names=st.lists(NAMES, min_size=2, max_size=2, unique=True),
    times=st.tuples(FINITE, FINITE, FINITE),
    performance=st.dictionaries(NAMES, FINITE),
    note=NAMES,
)
def test_any_reference_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory,
    *,
    values: np.ndarray,
    counts: dict[str, int],
    names: list[str],
    times: tuple[float, float, float],
    performance: dict[str, float],
    note: str,
) -> None:
    rows = len(values) + sum(counts.values())
    numeric = numeric_column(names[0], "feature", np.append(values, np.full(rows - len(values), np.nan)))
    columns = (numeric, categorical_column(names[1], "label", counts, rows - sum(counts.values()), 5))
    reference = Reference(
        "m", rows, columns, times[0], fingerprint(columns), times[1], times[2], performance, (note,)
    )
    path = tmp_path_factory.mktemp("round") / "r.json"
    save_reference(reference, path)
    assert_same(reference, load_reference(path))


def test_a_person_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "loans.json"
    save_reference(make_reference(), path)
    lines = path.read_text().splitlines()
    assert '  "created_utc": "2024-11-22T21:58:42Z",' in lines
    assert '        {"category": "de", "count": 900},' in lines
    assert sum(line.lstrip().startswith('{"bin": ') for line in lines) == 10
    assert sum(line.lstrip().startswith('"counts": [') for line in lines) == 1
    assert len(lines) < 60


def test_the_fingerprint_is_of_the_bins_alone() -> None:
    amount, land = make_reference().columns
    assert isinstance(amount, NumericColumn)
    assert isinstance(land, CategoricalColumn)
    print_ = fingerprint((amount, land))
    counted = replace(amount, fine_counts=amount.fine_counts + 1, mean=3.0, missing=9)
    assert print_ == fingerprint((counted, replace(land, other=1)))
    different = [
        (land, amount),
        (amount,),
        (replace(amount, name="sum"), land),
        (replace(amount, kind="score"), land),
        (replace(amount, fine_edges=amount.fine_edges[:-1]), land),
        (replace(amount, edges=np.nextafter(amount.edges, np.inf)), land),
        (amount, replace(land, categories=land.categories[::-1])),
    ]
    assert len({print_, *map(fingerprint, different)}) == 8


def test_what_was_there_stays_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "loans.json"
    path.mkdir()
    with pytest.raises(ReferenceFileError, match=r"loans\.json: cannot be written: Is a directory"):
        save_reference(make_reference(), path)
    assert [path] == list(tmp_path.iterdir())


def test_missing(tmp_path: Path) -> None:
    path = tmp_path / "loans.json"
    with pytest.raises(ReferenceFileError) as caught:
        load_reference(path)
    assert (f"{path}: there is no such file; build it: {BUILD} {path}") == str(caught.value)


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"", ":1: not JSON"),
        (b'{"format": \n oh', ":2: not JSON"),
        (b"PAR1\xff\xfe\x00", ": not JSON"),
        (b"[" * 100_000, ": not JSON"),
        (b"[1, 2]", ": this JSON is no reference"),
        (b'{"format": "other", "version": 1}', ": this JSON is no reference"),
        (
            b'{"format": "drift-exporter-reference", "version": 2}',
            "by a newer drift-exporter (format version 2",
        ),
        (
            b'{"format": "drift-exporter-reference", "version": "1"}',
            "damaged or edited by hand: its version is '1'",
        ),
        (b'{"format": "drift-exporter-reference"}', "damaged or edited by hand: its version is None"),
        (
            b'{"format": "drift-exporter-reference", "version": 1}',
            "damaged or edited by hand: 'rows' is missing",
        ),
    ],
)
def test_not_a_reference(tmp_path: Path, content: bytes, wrong: str) -> None:
    path = tmp_path / "loans.json"
    path.write_bytes(content)
    with pytest.raises(ReferenceFileError) as caught:
        load_reference(path)
    assert str(caught.value).startswith(str(path))
    assert wrong in str(caught.value)
    assert "reference build" in str(caught.value), "says what to do"


def test_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ReferenceFileError, match="cannot be read: Is a directory"):
        load_reference(tmp_path)


def _edge(document: Document) -> None:
    document["columns"][0]["bins"][3]["up_to"] += 1e-9


def _swap(document: Document) -> None:
    edges = document["columns"][0]["fine"]["edges"]
    edges[4], edges[5] = edges[5], edges[4]


def _swap_bins(document: Document) -> None:
    bins = document["columns"][0]["bins"]
    bins[1]["up_to"], bins[2]["up_to"] = bins[2]["up_to"], bins[1]["up_to"]


def _infinite(document: Document) -> None:
    document["columns"][0]["fine"]["edges"][-1] = "inf"


def _count(document: Document) -> None:
    document["columns"][0]["fine"]["counts"][0] += 1


def _moved(document: Document) -> None:
    counts = document["columns"][0]["fine"]["counts"]
    counts[0], counts[-1] = counts[0] + 1, counts[-1] - 1


def _negative(document: Document) -> None:
    document["columns"][1]["categories"][0]["count"] = -1


def _renamed(document: Document) -> None:
    document["columns"][1]["categories"][0]["category"] = "at"


def _twice(document: Document) -> None:
    document["columns"][1]["categories"][0]["category"] = document["columns"][1]["categories"][1]["category"]


def _same_column(document: Document) -> None:
    document["columns"].append(document["columns"][1])


def _kind(document: Document) -> None:
    document["columns"][0]["kind"] = "weight"


def _type(document: Document) -> None:
    document["columns"][0]["type"] = "text"


def _rows(document: Document) -> None:
    document["rows"] = 999


def _columns(document: Document) -> None:
    document["columns"] = 5


def _print(document: Document) -> None:
    document["fingerprint"] = "0" * 64


@pytest.mark.parametrize(
    ("damage", "wrong"),
    [
        (_edge, "an edge of column 'amount' is not among its fine edges"),
        (_swap, "the edges of column 'amount' do not ascend"),
        (_swap_bins, "the edges of column 'amount' do not ascend"),
        (_infinite, "the edges of column 'amount' do not ascend"),
        (_count, "the bins of column 'amount' do not add up from its fine bins"),
        (_moved, "the bins of column 'amount' do not add up from its fine bins"),
        (_negative, "a count of column 'land' is -1, not a count"),
        (_renamed, "the bins do not match the fingerprint"),
        (_twice, "a category of column 'land' stands in it twice"),
        (_same_column, "a column stands in it twice"),
        (_kind, "column 'amount' is of kind 'weight'"),
        (_type, "column 'amount' is of type 'text'"),
        (_rows, "the counts of column 'amount' add up to 1000, and there are 999 rows"),
        (_columns, "'int' object is not iterable"),
        (_print, "the bins do not match the fingerprint"),
    ],
)
def test_damaged(tmp_path: Path, damage: Callable[[Document], None], wrong: str) -> None:
    path = tmp_path / "loans.json"
    save_reference(make_reference(), path)
    document = json.loads(path.read_text())
    damage(document)
    path.write_text(json.dumps(document))
    with pytest.raises(ReferenceFileError) as caught:
        load_reference(path)
    assert (
        f"{path}: damaged or edited by hand: {wrong}; restore the file, or build it anew: {BUILD} {path}"
    ) == str(caught.value)


def test_lengths_must_agree(tmp_path: Path) -> None:
    path = tmp_path / "loans.json"
    save_reference(make_reference(), path)
    document = json.loads(path.read_text())
    fine = document["columns"][0]["fine"]
    fine["sums"].pop()
    path.write_text(json.dumps(document))
    edges = len(fine["edges"])
    wrong = f"column 'amount' has {edges} fine edges, {edges + 1} counts and {edges} sums;"
    with pytest.raises(ReferenceFileError, match=wrong):
        load_reference(path)


@given(cut=st.integers(1, 4000))
def test_a_file_cut_short_is_never_taken_for_whole(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "loans.json"
    save_reference(make_reference(), path)
    data = path.read_bytes()
    path.write_bytes(data[: max(0, len(data) - 1 - cut)])
    with pytest.raises(ReferenceFileError, match="not JSON"):
        load_reference(path)
