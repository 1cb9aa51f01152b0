"""The configuration of the pods: paths, references and secrets, however they are written."""

from pathlib import Path

import pytest

from drift_exporter.bundle.edit import compose
from drift_exporter.bundle.overlay import FOLDER, overlay
from drift_exporter.config import load_config
from drift_exporter.config.load import read_text
from drift_exporter.errors import BundleError
from support.bundles import CONFIG, configuration, written

MERGED = """\
state_dir: state
dead_letter: rejected
models:
  - &fraud
    name: fraud
    task: binary
    reference: references/fraud.json
    drift: {multivariate: [domain_classifier]}
    predictions:
      source: &kafka
        type: kafka
        brokers: kafka:9093
        topic: fraud
        options: {security.protocol: SSL}
        secrets: {ssl.key.password: secret/one}
      fields: {timestamp: ts, prediction: prediction}
  - <<: *fraud
    name: clicks
    predictions:
      source:
        <<: *kafka
        topic: clicks
      fields: {timestamp: ts, prediction: prediction}
"""


def pods(folder: Path) -> Path:
    return folder / "out" / FOLDER


def test_what_is_merged_or_of_another_kind_is_found(tmp_path: Path) -> None:
    configuration(tmp_path, MERGED)
    (tmp_path / "references" / "fraud.sample.parquet").write_bytes(b"\xff\x00")
    assert written(tmp_path).notes == ()
    loaded = load_config(pods(tmp_path) / "config.yml")
    assert [str(p) for p in (loaded.state_dir, loaded.dead_letter)] == [
        "/var/lib/drift-exporter",
        "/var/lib/drift-exporter/dead-letter",
    ]
    for model in loaded.models:
        assert model.reference_file("1") == pods(tmp_path) / "fraud.json"
        assert model.predictions.source.secrets == {
            "ssl.key.password": Path("/run/secrets/drift-exporter/one")
        }
    assert (pods(tmp_path) / "fraud.sample.parquet").read_bytes() == b"\xff\x00"
    listed = (pods(tmp_path) / "kustomization.yaml").read_text()
    assert "      - fraud.sample.parquet\n" in listed


def test_a_sample_that_is_not_there_is_told(tmp_path: Path) -> None:
    configuration(tmp_path, MERGED)
    (note,) = written(tmp_path).notes
    assert note.startswith(f"{tmp_path / 'references' / 'fraud.sample.parquet'}: is not there yet")


def test_more_than_a_config_map_holds_is_told(tmp_path: Path) -> None:
    configuration(tmp_path)
    (tmp_path / "other" / "fraud.json").write_bytes(b" " * 2**20)
    (note,) = written(tmp_path).notes
    assert "a ConfigMap holds 1048576: mount them from a volume" in note


def test_a_configuration_within_braces_without_a_state_dir_is_told(tmp_path: Path) -> None:
    text = (
        "{models: [{name: a, task: binary, predictions: {source: {type: push}, fields: {timestamp: ts, "
        "prediction: p}}}]}\n"
    )
    path = configuration(tmp_path, text)
    assert compose(text, "x")
    with pytest.raises(BundleError, match=r"^x: add state_dir"):
        overlay(load_config(path), read_text(path), {}, "x")


def test_logs_of_several_folders_are_below_one(tmp_path: Path) -> None:
    text = CONFIG.replace("logs/labels", "/elsewhere/labels")
    loaded = load_config(configuration(tmp_path, text))
    made = written(tmp_path)
    assert made.notes == ()
    fraud = load_config(pods(tmp_path) / "config.yml").models[0]
    assert fraud.labels is not None
    assert fraud.labels.source.path == "/var/log/models/elsewhere/labels/*.ndjson"
    own = loaded.models[0].predictions.source.path
    assert fraud.predictions.source.path == f"/var/log/models{own}"


def test_bins_of_a_rolling_reference_go_with_it(tmp_path: Path) -> None:
    text = MERGED.replace("references/fraud.json", "{rolling: 7d, bins: references/fraud.json}")
    configuration(tmp_path, text.replace("    drift: {multivariate: [domain_classifier]}\n", ""))
    assert written(tmp_path).notes == ()
    for model in load_config(pods(tmp_path) / "config.yml").models:
        assert model.reference_file("1") == pods(tmp_path) / "fraud.json"
