import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drift_exporter.config import load_config
from drift_exporter.errors import StateError
from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.store import load_reference, save_reference
from drift_exporter.setting_up import make_model
from drift_exporter.state.check import MOST_PROBLEMS, Findings, check_state
from drift_exporter.state.reading import FILE
from drift_exporter.state.references import layouts_in_use
from drift_exporter.state.rows import Changes, Counts, SavedSlice
from drift_exporter.state.store import Store
from support import labelled
from support.records import NOW, Setup, model_config, ndjson, record, reference, write_config
from support.states import HOUR, PRINT, a_slice, content, flip, holding, run, save, state

SLICE = f"model fraud, version v1, bins {PRINT[:16]}, slice of 1h at 1970-01-01 00:00:00 UTC"


def altered(folder: Path, *statements: str, **values: object) -> Findings:
    """What is found after SQL was let loose on a state of two models."""
    save(folder, fraud=state(a_slice(0), a_slice(60_000_000)), other=state(a_slice(0)))
    with closing(sqlite3.connect(folder / FILE)) as connection:
        for statement in statements:
            connection.execute(statement, values)
        connection.commit()
    before = content(folder)
    found = check_state(folder)
    assert before == content(folder)
    return found


def begin_anew(folder: Path, model: str = "fraud") -> str:
    return (
        "; restore a backup, or begin the model anew: drift-exporter state reset "
        f"--state-dir {folder} --model {model}"
    )


def test_a_fine_state(tmp_path: Path) -> None:
    found = altered(tmp_path)
    fine = f"{tmp_path}/{FILE}: fine: 2 models, 2 versions, 3 slices, 2 files"
    assert Findings([], [], fine) == found


@pytest.mark.parametrize(
    ("statement", "value", "problem"),
    [
        (
            "UPDATE model SET counters = json_set(counters, '$.records', :value) WHERE name = 'fraud'",
            3,
            "model fraud: a checksum is wrong",
        ),
        (
            "UPDATE version SET counters = json_set(counters, '$.predictions', :value) WHERE model = 'fraud'",
            3,
            "model fraud, version v1: a checksum is wrong",
        ),
        (
            'UPDATE file SET "offset" = "offset" + :value WHERE model = \'fraud\'',
            1,
            "model fraud, file /logs/a?.log: a checksum is wrong",
        ),
        (
            "UPDATE slice SET counts = :value WHERE start = 0 AND series = 1",
            np.array([1, 2]).tobytes(),
            f"{SLICE}: a checksum is wrong",
        ),
        (
            "UPDATE slice SET sums = :value, counts = x'', checksum = 891568578 WHERE series + start = 1",
            b"abc",
            f"{SLICE}: buffer size must be a multiple of element size",
        ),
        (
            "UPDATE series SET checksum = :value WHERE id = 1",
            5,
            f"model fraud, version v1, bins {PRINT[:16]}: a checksum is wrong",
        ),
        (
            "UPDATE model SET counters = :value WHERE name = 'fraud'",
            "{",
            "model fraud: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        (
            "UPDATE model SET counters = :value WHERE name = 'fraud'",
            "[]",
            "model fraud: counters that are no object: []",
        ),
        (
            "UPDATE model SET counters = json_remove(counters, :value) WHERE name = 'fraud'",
            "$.watermark",
            "model fraud: the counter watermark is missing",
        ),
        (
            "UPDATE version SET counters = json_remove(counters, :value) WHERE model = 'fraud'",
            "$.latency_sum",
            "model fraud, version v1: the counter latency_sum is missing",
        ),
        (
            "UPDATE version SET counters = json_set(counters, '$.predictions', :value) WHERE model = 'fraud'",
            -1,
            "model fraud, version v1: the counter predictions is below 0",
        ),
        (
            "UPDATE file SET head = :value WHERE model = 'fraud'",
            b"short",
            "model fraud, file /logs/a?.log: a fingerprint of 4 bytes has 5 bytes",
        ),
        (
            "UPDATE file SET inode = :value WHERE model = 'fraud'",
            "1x",
            "model fraud, file /logs/a?.log: invalid literal for int() with base 10: '1x'",
        ),
        (
            "UPDATE file SET \"offset\" = :value WHERE model = 'fraud'",
            -1,
            "model fraud, file /logs/a?.log: a length below 0",
        ),
        (
            "UPDATE file SET path = :value WHERE model = 'fraud'",
            b"",
            "model fraud, file : b'' is no path",
        ),
    ],
)
def test_a_row_that_is_wrong(tmp_path: Path, statement: str, value: object, problem: str) -> None:
    found = altered(tmp_path, statement, value=value)
    assert [problem + begin_anew(tmp_path)] == found.problems


def test_a_text_that_is_not_utf8(tmp_path: Path) -> None:
    found = altered(tmp_path, "UPDATE version SET version = CAST(x'76ff' AS TEXT) WHERE model = 'fraud'")
    assert [f"model fraud, version v?: a text is not UTF-8{begin_anew(tmp_path)}"] == found.problems
    with closing(Store(tmp_path)) as store, pytest.raises(StateError, match=r"\(model fraud: 'utf-8' codec"):
        store.load("fraud")


def test_slices_of_other_sizes_than_their_version(tmp_path: Path) -> None:
    save(tmp_path, fraud=state(a_slice(0)))
    wide = SavedSlice("v1", PRINT, HOUR, 60_000_000, 2, np.array([1, 1, 1]), np.array([0.1, 0.2]))
    long = SavedSlice("v1", PRINT, HOUR, 120_000_000, 2, np.array([1, 1]), np.array([0.1]))
    with closing(Store(tmp_path)) as store:
        store.save("fraud", Changes(replace(state(), slices=[wide, long], counts=[])))
    start = f"model fraud, version v1, bins {PRINT[:16]}, slice of 1h at 1970-01-01 00:0"
    whose = "where the rest of its version has 2"
    assert [
        f"{start}1:00 UTC: 3 counts by bin {whose}{begin_anew(tmp_path)}",
        f"{start}2:00 UTC: 1 sums by bin {whose}{begin_anew(tmp_path)}",
    ] == check_state(tmp_path).problems


def test_rows_that_belong_to_nothing(tmp_path: Path) -> None:
    found = altered(tmp_path, "DELETE FROM series WHERE model = 'fraud'")
    reset = f"; restore a backup, or begin anew: drift-exporter state reset --state-dir {tmp_path} --all"
    assert {
        f"{tmp_path}/{FILE}: 2 rows of the table {table} belong to no series{reset}"
        for table in ("slice", "sample")
    } == set(found.problems)


def test_a_table_that_is_missing(tmp_path: Path) -> None:
    found = altered(tmp_path, "DROP TABLE file")
    assert any("the table file is missing; restore a backup" in problem for problem in found.problems)
    with pytest.raises(
        StateError, match=r"is damaged \(the table file is missing\); drift-exporter state check"
    ):
        Store(tmp_path)


def test_of_very_many_problems_the_first(tmp_path: Path) -> None:
    slices = [a_slice(60_000_000 * number) for number in range(MOST_PROBLEMS + 1005)]
    save(tmp_path, fraud=state(*slices))
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("UPDATE slice SET checksum = 0")
        connection.commit()
    found = check_state(tmp_path)
    assert MOST_PROBLEMS + 1 == len(found.problems)
    assert f"{tmp_path}/{FILE}: 1,005 more problems" == found.problems[-1]


def many(folder: Path) -> Path:
    """A state of many pages; returns its file."""
    save(folder, fraud=state(*(a_slice(60_000_000 * number) for number in range(2000))))
    return folder / FILE


@pytest.mark.parametrize("page", range(1, 12))
def test_a_page_of_garbage(tmp_path: Path, page: int) -> None:
    path = many(tmp_path)
    data = path.read_bytes()
    assert 12 * 8192 < len(data)
    path.write_bytes(data[: page * 8192] + b"\xa5" * 8192 + data[(page + 1) * 8192 :])
    before = content(tmp_path)
    found = check_state(tmp_path)
    assert found.problems
    assert all(re.search("; restore a backup, or begin |more problems", line) for line in found.problems)
    assert before == content(tmp_path)


def test_any_flipped_bit_of_counts_is_noticed(tmp_path: Path) -> None:
    save(tmp_path, fraud=state(a_slice(0)))
    path = tmp_path / FILE
    whole = path.read_bytes()
    part = a_slice(0)
    place = whole.index(part.counts.tobytes() + part.sums.tobytes())
    for byte in range(32):
        flip(path, place + byte)
        assert [f"{SLICE}: a checksum is wrong{begin_anew(tmp_path)}"] == check_state(tmp_path).problems
        path.write_bytes(whole)
    assert not check_state(tmp_path).problems


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: 5 * 8192])


def garbage(path: Path) -> None:
    path.write_bytes(b"garbage" * 5000)


def no_header(path: Path) -> None:
    path.write_bytes(b"\0" * 100 + path.read_bytes()[100:])


@pytest.mark.parametrize("damage", [cut, garbage, no_header])
def test_a_damaged_file(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = many(tmp_path)
    damage(path)
    before = content(tmp_path)
    found = check_state(tmp_path)
    reset = f"; restore a backup, or begin anew: drift-exporter state reset --state-dir {tmp_path} --all"
    assert found.problems
    assert all(line.startswith(f"{path}: ") and line.endswith(reset) for line in found.problems)
    assert before == content(tmp_path)


def test_a_log_of_garbage_is_as_none(tmp_path: Path) -> None:
    path = many(tmp_path)
    (tmp_path / f"{FILE}-wal").write_bytes(b"garbage" * 5000)
    before = content(tmp_path)
    # SQLite reads a log up to the first frame whose checksum is wrong, as after a power failure.
    assert f"{path}: fine: 1 model, 1 version, 2,000 slices, 1 file" == check_state(tmp_path).summary
    assert before == content(tmp_path)


def test_what_is_no_state_of_ours(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.touch()
    with pytest.raises(StateError, match=r"state.sqlite is empty: nothing was saved there yet"):
        check_state(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (a)")
    with pytest.raises(
        StateError, match=r"database of something else; .*drift-exporter state reset .* --all"
    ):
        check_state(tmp_path)
    path.unlink()
    save(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StateError, match=r"newer drift-exporter .* begin anew: drift-exporter state reset"):
        check_state(tmp_path)


def test_while_another_process_saves(tmp_path: Path) -> None:
    with holding(tmp_path) as holder:
        for records in range(1, 5):
            found = check_state(tmp_path)
            assert f"{tmp_path}/{FILE}: fine: 1 model, 1 version, 1 slice, 1 file" == found.summary
            assert not found.problems
            holder.save(records)


def with_config(setup: Setup) -> Findings:
    """What is found when the configuration is looked at too."""
    config = setup.config
    return check_state(config.state_dir, layouts_in_use(config))


def test_what_the_exporter_saved_fits_its_references(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    (setup.logs / "a.ndjson").write_bytes(ndjson(record(), record(NOW + 90), record(version="v2")))
    run(setup)
    fine = f"{tmp_path}/state/{FILE}: fine: 1 model, 2 versions, 7 slices, 1 file"
    assert Findings([], [], fine) == with_config(setup)


def test_what_the_configuration_does_not_use(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    (setup.logs / "a.ndjson").write_bytes(ndjson(record()))
    run(setup)
    before = load_reference(tmp_path / "reference.json").fingerprint[:16]
    models = [
        model_config(reference="reference.json"),
        model_config("churn", reference="reference.json"),
    ]
    write_config(tmp_path, models)
    other = reference(numeric_column("amount", "feature", np.arange(5.0)))
    save_reference(other, tmp_path / "reference.json")
    after = other.fingerprint[:16]
    unused = "its counts under these are kept and not used"
    found = with_config(setup)
    assert [] == found.problems
    assert [
        "model churn is configured and has no state: its logs are read from their beginning",
        f"model fraud, version v1, bins {before}: its reference has others now ({after}); {unused}",
    ] == found.notes

    write_config(tmp_path, models[1:])
    forget = f"drift-exporter state reset --state-dir {tmp_path}/state --model fraud"
    assert [
        f"model fraud is not configured: its state is kept and not used; {forget} forgets it",
        "model churn is configured and has no state: its logs are read from their beginning",
    ] == with_config(setup).notes

    write_config(tmp_path, [model_config()])
    assert [f"model fraud, version v1, bins {before}: it has no reference now; {unused}"] == with_config(
        setup
    ).notes


def test_counts_that_do_not_fit_their_reference(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    (setup.logs / "a.ndjson").write_bytes(ndjson(record()))
    run(setup)
    fingerprint = load_reference(tmp_path / "reference.json").fingerprint
    start = 3600 * 1_000_000
    few = replace(
        state(),
        counts=[Counts("v1", fingerprint, np.array([1, 0]))],
        slices=[SavedSlice("v1", fingerprint, HOUR, start, 1, np.array([1, 0]), np.array([0.1]))],
    )
    with closing(Store(tmp_path / "state")) as store:
        store.save("fraud", Changes(few, anew=True))
    (layout,) = layouts_in_use(setup.config)["fraud"].values()
    whose = f"where its reference has {layout.size}"
    begin = f"model fraud, version v1, bins {fingerprint[:16]}"
    anew = begin_anew(tmp_path / "state")
    assert [
        f"{begin}: 2 counts by bin {whose}{anew}",
        f"{begin}, slice of 1h at 1970-01-01 01:00:00 UTC: 2 counts by bin {whose}{anew}",
    ] == with_config(setup).problems


def test_outcomes_are_no_problem_and_damaged_ones_are(tmp_path: Path) -> None:
    rows = labelled.predictions(300)
    labelled.write_rows(tmp_path / "predictions/p.ndjson", rows)
    labelled.write_rows(tmp_path / "labels/l.ndjson", labelled.labels(rows))
    config = load_config(labelled.configure(tmp_path))
    with closing(Store(config.state_dir)) as store:
        model = make_model(config.models[0], config, clock=lambda: labelled.NOW, store=store)
        model.restore()
        model.read()
        model.evaluate()
        model.close()
    found = check_state(config.state_dir, layouts_in_use(config))
    assert ([], []) == (found.problems, found.notes)
    with closing(Store(config.state_dir)) as store:
        state = store.load("m")
        assert state is not None
        (one, *_) = [part for part in state.slices if part.fingerprint.startswith("outcomes-")]
        store.save("m", Changes(replace(state, slices=[replace(one, counts=one.counts[:-1])])))
    (problem,) = check_state(config.state_dir).problems
    assert f"numbers are no outcomes in {one.rows:,} cells" in problem
