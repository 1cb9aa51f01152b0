"""Each example does what its README says, run as a user would run it."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
GOLDEN = Path(__file__).parent / "golden"
LOGS = {
    "car_loan": "logs/predictions.csv",
    "clicks": "logs/predictions.ndjson",
    "employment": "logs/predictions.ndjson",
    "fraud": "logs/predictions.ndjson",
    "latency": "logs/predictions.ndjson",
}
WITH_REFERENCE = ("car_loan", "clicks", "employment", "fraud")
# What is different each time: the program and its process, when it was started, how long it took.
VOLATILE = re.compile(
    r"^(# (HELP|TYPE) )?(python|process|drift_exporter_(build|evaluation_duration|config_last))_.*\n",
    re.MULTILINE,
)

every_example = pytest.mark.parametrize("name", LOGS)


@dataclass(frozen=True)
class Ended:
    """A run of the program that has ended."""

    status: int
    output: str
    said: str


def drift_exporter(*arguments: str | Path) -> Ended:
    command = [sys.executable, "-W", "error", "-m", "drift_exporter.cli", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, timeout=120, check=False)
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


@pytest.fixture
def example(name: str, tmp_path: Path) -> Path:
    """A copy of the example, so that nothing is written into the checkout."""
    return Path(shutil.copytree(EXAMPLES / name, tmp_path / name))


def promtool(metrics: str) -> tuple[int, bytes, bytes]:
    program = shutil.which("promtool")
    assert program is not None, "promtool comes with Prometheus"
    ended = subprocess.run(
        [program, "check", "metrics"], input=metrics.encode(), capture_output=True, check=False
    )
    return ended.returncode, ended.stdout, ended.stderr


def series(metrics: str, name: str) -> dict[tuple[str, ...], float]:
    """Values of the samples of a metric by (kind, column, window), as far as they have these labels."""
    found = {}
    for labels, value in re.findall(rf"^{name}{{(.*)}} (\S+)$", metrics, re.MULTILINE):
        of = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        found[tuple(of[key] for key in ("kind", "column", "window") if key in of)] = float(value)
    return found


def stable(metrics: str) -> str:
    """Metrics without what changes from run to run, numbers to six places."""
    kept = VOLATILE.sub("", metrics)
    return re.sub(
        r"^([^#].*) (\S+)$", lambda m: f"{m[1]} {round(float(m[2]), 6):.15g}", kept, flags=re.MULTILINE
    )


@every_example
def test_check_config_passes(example: Path, name: str) -> None:
    checked = drift_exporter("check-config", example / "config.yml")
    assert (0, f"{example / 'config.yml'}: fine\n") == (checked.status, checked.output)
    if name in WITH_REFERENCE:
        assert checked.said == ""
    else:
        assert "there is no reference" in checked.said


@pytest.mark.servers
@every_example
def test_once_prints_the_expected_metrics(example: Path, name: str) -> None:
    ended = drift_exporter("once", "--config", example / "config.yml")
    assert (0, "") == (ended.status, ended.said)
    assert promtool(ended.output) == (0, b"", b"")
    assert not (example / "state").exists(), "nothing was rejected"
    metrics, golden = stable(ended.output), GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(metrics, encoding="utf-8")
    assert golden.read_text(encoding="utf-8") == metrics, "run with UPDATE_GOLDEN=1 if this change is wanted"


@pytest.mark.servers
@every_example
def test_init_gives_a_configuration_that_runs(example: Path, name: str, tmp_path: Path) -> None:
    log = example / LOGS[name]
    inferred = drift_exporter("init", "--input", log)
    assert (0, "") == (inferred.status, inferred.said)
    config = tmp_path / "config.yml"
    config.write_text(inferred.output, encoding="utf-8")
    checked = drift_exporter("check-config", config)
    assert (0, f"{config}: fine\n") == (checked.status, checked.output)
    ended = drift_exporter("once", "--config", config)
    assert (0, "") == (ended.status, ended.said)
    assert promtool(ended.output) == (0, b"", b"")
    records = log.read_bytes().count(b"\n") - (log.suffix == ".csv")
    assert [float(records)] == list(series(ended.output, "model_predictions_total").values())
    assert [records] == list(series(ended.output, "drift_exporter_source_records_total").values())


@pytest.mark.parametrize("name", WITH_REFERENCE)
def test_the_reference_of_an_inferred_configuration_can_be_built(
    example: Path, name: str, tmp_path: Path
) -> None:
    """What the comments of init say: build it, remove the #, run."""
    config = tmp_path / "config.yml"
    text = drift_exporter("init", "--input", example / LOGS[name]).output
    config.write_text(text.replace("    # reference: ", "    reference: "), encoding="utf-8")
    assert config.read_text(encoding="utf-8") != text
    model = re.search(r'^  - name: "?([\w.-]+)', text, re.MULTILINE)
    assert model is not None
    output = tmp_path / "references" / f"{model[1]}.json"
    built = drift_exporter(
        *("reference", "build", "--config", config, "--model", model[1]),
        *("--input", example / LOGS[name], "--output", output),
    )
    assert 0 == built.status, built.said
    ended = drift_exporter("once", "--config", config)
    assert (0, "") == (ended.status, ended.said)
    confidence = series(ended.output, "model_drift_confidence")
    assert len(confidence) > 5


def test_car_loan_finds_the_columns_that_moved_and_no_other(tmp_path: Path) -> None:
    copy = shutil.copytree(EXAMPLES / "car_loan", tmp_path / "car_loan")
    metrics = drift_exporter("once", "--config", copy / "config.yml").output
    moved = {
        *(("feature", c) for c in ("car_value", "loan_length", "salary_range", "repaid_loan_on_prev_car")),
        ("score", "score"),
    }
    still = {
        *(("feature", c) for c in ("debt_to_income_ratio", "size_of_downpayment", "driver_tenure")),
        ("prediction", "prediction"),
    }
    for window in ("24h", "7d"):
        confidence = {
            key[:2]: value
            for key, value in series(metrics, "model_drift_confidence").items()
            if key[2] == window
        }
        assert moved | still == set(confidence)
        assert moved == {column for column, value in confidence.items() if value >= 0.98}
        assert all(confidence[column] < 0.5 for column in still)
    assert {("24h",): 165.0, ("7d",): 1155.0} == series(metrics, "model_window_samples")


def test_employment_finds_the_shifted_mix_of_the_last_day(tmp_path: Path) -> None:
    copy = shutil.copytree(EXAMPLES / "employment", tmp_path / "employment")
    metrics = drift_exporter("once", "--config", copy / "config.yml").output
    confidence = series(metrics, "model_drift_confidence")
    assert confidence["feature", "AGEP", "24h"] >= 0.99
    assert confidence["feature", "SEX", "24h"] < 0.5
    assert 600 == series(metrics, "model_window_samples")[("24h",)]


def test_clicks_tells_concept_drift_from_data_drift(tmp_path: Path) -> None:
    copy = shutil.copytree(EXAMPLES / "clicks", tmp_path / "clicks")
    metrics = drift_exporter("once", "--config", copy / "config.yml").output
    concept = by_model(metrics, "model_concept_drift_confidence", 'window="7d"')
    assert {"clicks", "clicks_control"} == concept.keys()
    assert concept["clicks"] >= 0.99
    assert concept["clicks_control"] < 0.5
    rate = by_model(metrics, "model_performance", 'metric="click_through_rate"', 'window="7d"')
    assert 0.8 < rate["clicks"] / rate["clicks_control"] < 0.9
    data = by_model(metrics, "model_dataset_drift_confidence", 'window="7d"')
    assert {"clicks", "clicks_control"} == data.keys()
    assert all(value < 0.5 for value in data.values())


def test_fraud_is_missed_while_the_network_is_partitioned(tmp_path: Path) -> None:
    copy = shutil.copytree(EXAMPLES / "fraud", tmp_path / "fraud")
    metrics = drift_exporter("once", "--config", copy / "config.yml").output
    (rate,) = by_model(metrics, "model_performance", 'metric="false_negative_rate"', 'window="1h"').values()
    (usual,) = by_model(metrics, "model_performance_reference", 'metric="false_negative_rate"').values()
    assert usual < 0.07
    assert rate > 0.12
    assert "infra_" not in metrics


def by_model(metrics: str, name: str, *labels: str) -> dict[str, float]:
    """Values of the samples of a metric with all of these labels, by model."""
    found = re.findall(rf'^{name}{{(.*model="([^"]*)".*)}} (\S+)$', metrics, re.MULTILINE)
    return {model: float(value) for text, model, value in found if all(label in text for label in labels)}


@pytest.mark.parametrize("name", LOGS)
def test_generated_files_are_those_of_the_generator(name: str, tmp_path: Path) -> None:
    importlib.import_module(f"{name}.generate").generate(tmp_path)
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert made
    for path in made:
        shipped, anew = EXAMPLES / name / path, tmp_path / path
        if path.suffix == ".parquet":
            # The same rows; the bytes also depend on the version of DuckDB.
            assert rows(shipped) == rows(anew), path
        elif path.suffix == ".json":
            assert json.loads(shipped.read_bytes()) == json.loads(anew.read_bytes()), path
        else:
            assert shipped.read_bytes() == anew.read_bytes(), path


def rows(path: Path) -> list[tuple[object, ...]]:
    query = "SELECT to_json(row)::VARCHAR FROM read_parquet(?) AS row"
    with duckdb.connect() as connection:
        return connection.execute(query, [str(path)]).fetchall()


@every_example
def test_says_where_its_data_is_from(name: str) -> None:
    readme = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    assert f"examples/{name}/generate.py" in readme
    if name in WITH_REFERENCE:
        assert "nannyml" in readme
        assert "Apache-2.0" in readme
    else:
        assert "made up" in readme


@every_example
def test_is_small(name: str) -> None:
    logs = [path for folder in ("logs", "labels") for path in (EXAMPLES / name / folder).glob("*")]
    sizes = {path: path.stat().st_size for path in logs}
    assert all(size < 1_200_000 for size in sizes.values()), sizes
