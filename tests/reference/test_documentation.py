"""What docs/reference.md says is tried out here."""

import re
import shlex
from pathlib import Path

import pytest

from drift_exporter.cli import main
from drift_exporter.reference.store import load_reference
from support.logs import make_rows, write_log

PAGE = (Path(__file__).parents[2] / "docs" / "reference.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_commands_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    write_log(make_rows(2000), tmp_path / "logs" / "good.ndjson")
    (configuration,) = blocks("yaml")
    Path("config.yml").write_text(configuration)
    found = blocks("sh") + blocks("console")
    lines = [line.removeprefix("$ ") for block in found for line in block.splitlines()]
    assert [line.split()[:3] for line in lines] == [
        ["drift-exporter", "reference", "build"],
        ["drift-exporter", "reference", "show"],
    ]
    for line in lines:
        assert main(shlex.split(line)[1:]) == 0
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["config.yml", "loans.json", "loans.sample.parquet", "logs"]
    shown = capsys.readouterr().out
    reference = load_reference(Path("loans.json"))
    for column in reference.columns:
        assert re.search(rf"^{column.name} +{column.kind} ", shown, flags=re.MULTILINE)
    for name in reference.performance:
        assert name in PAGE


def test_the_keys_are_those_of_the_file(tmp_path: Path) -> None:
    table = PAGE.partition("For each column:")[2].partition("Beside them")[0]
    cells = re.findall(r"^\| (`[^|]*) \|", table, flags=re.MULTILINE)
    told = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    config = tmp_path / "config.yml"
    config.write_text(blocks("yaml")[0])
    log = write_log(make_rows(50), tmp_path / "good.csv")
    arguments = ["--config", str(config), "--model", "loans", "--input", str(log)]
    assert main(["reference", "build", *arguments, "--output", str(tmp_path / "loans.json")]) == 0
    written = set(re.findall(r'^      "(\w+)":', (tmp_path / "loans.json").read_text(), flags=re.MULTILINE))
    assert told == written - {"name", "kind", "type"}


@pytest.mark.parametrize("problem", ["show", "build"])
def test_errors_reach_the_user(tmp_path: Path, problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yml"
    config.write_text(blocks("yaml")[0])
    missing = str(tmp_path / "none.json")
    if problem == "show":
        arguments = ["reference", "show", missing]
    else:
        arguments = ["reference", "build", "--config", str(config), "--model", "loans", "--input", missing]
        arguments += ["--output", str(tmp_path / "loans.json")]
    assert main(arguments) == 1
    assert f"{missing}: there is no such" in capsys.readouterr().err
