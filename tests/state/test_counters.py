from pathlib import Path

import pytest

from drift_exporter.deadletter import Cursor
from drift_exporter.state.counters import counters_anew, read_model_counters, read_version_counters
from drift_exporter.state.store import Store
from support.records import Setup, ndjson, record
from support.states import model_counters, run, version_counters


def test_what_the_exporter_saves_can_be_read(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    lines = ndjson(record(), record(0, trace_id="t1", features={"amount": "x"})) + b"junk\n"
    (setup.logs / "a.ndjson").write_bytes(lines)
    model = run(setup)
    store = Store(tmp_path / "state")
    saved = store.load("fraud")
    store.close()
    assert saved is not None
    counters = read_model_counters(saved.counters)
    assert (2, 1, {"malformed": 1}, len(lines)) == (
        counters.records,
        counters.late["late"],
        counters.rejected,
        counters.bytes,
    )
    assert model.letters.cursor() == counters.dead_letter
    totals, expected = read_version_counters(saved.versions["v1"]), model.ingest.totals["v1"]
    assert (expected.predictions, expected.exemplars, expected.latency.tolist()) == (
        totals.predictions,
        totals.exemplars,
        totals.latency.tolist(),
    )
    assert totals.exemplars
    assert saved.counters.keys() == counters_anew(saved.counters).keys()


def test_a_beginning_keeps_where_the_dead_letters_ended() -> None:
    before = model_counters(records=5, bytes=7, rejected={"malformed": 1}, dead_letter=[3, 40, "ab"])
    after = read_model_counters(counters_anew(before))
    assert (0, None, 0, {}, Cursor(3, 40, b"\xab")) == (
        after.records,
        after.watermark,
        after.bytes,
        after.rejected,
        after.dead_letter,
    )


def test_a_state_of_before_sources_counted_has_no_such_counts() -> None:
    document = {name: value for name, value in model_counters().items() if name != "source"}
    assert not read_model_counters(document).source
    counted = read_model_counters(model_counters(source=[["requests", "202", 5]])).source
    assert {("requests", "202"): 5} == counted
    with pytest.raises(ValueError, match="the counter source holds 'wishes'"):
        read_model_counters(model_counters(source=[["wishes", "202", 5]]))


@pytest.mark.parametrize("key", sorted(model_counters().keys() - {"source"}))
def test_every_counter_of_a_model_is_needed(key: str) -> None:
    document = {name: value for name, value in model_counters().items() if name != key}
    with pytest.raises(ValueError, match=f"the counter {key} is missing"):
        read_model_counters(document)


@pytest.mark.parametrize("key", sorted(version_counters()))
def test_every_counter_of_a_version_is_needed(key: str) -> None:
    document = {name: value for name, value in version_counters().items() if name != key}
    with pytest.raises(ValueError, match=f"the counter {key} is missing"):
        read_version_counters(document)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"records": "5"}, "records holds '5'"),
        ({"records": True}, "records holds 'True'"),
        ({"records": -1}, "records is below 0"),
        ({"records": None}, "records holds 'None'"),
        ({"watermark": 1.5}, "watermark holds '1.5'"),
        ({"late": []}, r"late holds '\[\]'"),
        ({"late": {"late": -1}}, "late is below 0"),
        ({"invalid": [["feature", "amount"]]}, "invalid holds"),
        ({"invalid": [["feature", "amount", "1"]]}, "invalid holds '1'"),
        ({"versions": [1]}, "versions holds '1'"),
        ({"evaluations": [[0], 0.0]}, "evaluations has 1 buckets, not 14"),
        ({"evaluations": [[0] * 14]}, "evaluations holds"),
        ({"saves": [[0] * 14, None]}, "saves holds 'None'"),
        ({"dead_letter": [1, 2]}, "dead_letter holds"),
        ({"dead_letter": [1, -2, ""]}, "dead_letter is below 0"),
        ({"dead_letter": [1, 2, "xy"]}, "non-hexadecimal number"),
    ],
)
def test_a_wrong_counter_is_named(changed: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_model_counters(model_counters(**changed))


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"predictions": 1.0}, "predictions holds '1.0'"),
        ({"latency": [0] * 16}, "latency has 16 buckets, not 17"),
        ({"confidence": [0.5] * 21}, "confidence holds '0.5'"),
        ({"exemplars": {"1": ["t"]}}, "exemplars holds"),
        ({"exemplars": {"x": ["t", 0.1, 1.0]}}, "invalid literal for int"),
    ],
)
def test_a_wrong_counter_of_a_version_is_named(changed: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_version_counters(version_counters(**changed))
