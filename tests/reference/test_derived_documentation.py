"""The example of docs/statistics.md, section "Text and embeddings", is tried out here."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from drift_exporter.cli import main
from drift_exporter.config import check_config
from drift_exporter.decode.measures import EMBEDDING_MEASURES, TEXT_MEASURES, measure_name
from drift_exporter.reference import deriving, subspace
from drift_exporter.reference.store import load_reference
from support.texts import write_texts

PAGE = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Text and embeddings\n")[2].partition("\n## ")[0]


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", SECTION, flags=re.DOTALL)
    return str(found)


def test_the_example_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    record = json.loads(block("json"))
    random = np.random.default_rng(0)
    Path("logs").mkdir()
    with Path("logs/a.ndjson").open("w") as log:
        for text in write_texts(200):
            vector = random.normal(size=len(record["request"]["embedding"])).tolist()
            log.write(json.dumps(record | {"request": {"text": text, "embedding": vector}}) + "\n")
    Path("config.yml").write_text(block("yaml"))
    build = ["--config", "config.yml", "--model", "support", "--input", "logs/a.ndjson"]
    assert main(["reference", "build", *build, "--output", "support.json"]) == 0
    checked = check_config(Path("config.yml"))
    assert ((), ()) == (checked.problems, checked.warnings)
    assert main(["once", "--config", "config.yml"]) == 0
    printed = capsys.readouterr().out
    told = re.findall(r"^\| `([\w.]+)` \|", SECTION, flags=re.MULTILINE)
    assert ["prediction", *told] == [column.name for column in load_reference(Path("support.json")).columns]
    found = re.findall(r'model_drift_confidence\{.*?column="([\w.]+)"', printed)
    assert {"prediction", *told} == set(found)
    tolerances = dict(re.findall(r'model_drift_tolerance\{.*?column="([\w.]+)".*?\} ([\d.]+)', printed))
    expected = {"prompt.length": "0.3", "prompt.digits": "0.1", "vector.norm": "0.05"}
    assert expected == {name: tolerances[name] for name in expected}


def test_the_table_has_every_measure() -> None:
    told = re.findall(r"^\| `([\w.]+)` \|", SECTION, flags=re.MULTILINE)
    expected = [measure_name("prompt", measure) for measure in TEXT_MEASURES]
    assert [*expected, *(measure_name("vector", measure) for measure in EMBEDDING_MEASURES)] == told


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"the {deriving.WORDS:,} most frequent words" in SECTION
    assert f"{subspace.EXPLAINED:.0%}".replace("%", " %") + " of the variance" in SECTION
    assert f"{subspace.COMPONENTS} at most" in SECTION
