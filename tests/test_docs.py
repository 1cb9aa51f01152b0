"""The README and the docs say what is so."""

import argparse
import ast
import re
import shlex
from pathlib import Path

import pytest

from drift_exporter.cli import build_parser
from drift_exporter.config import load_config
from drift_exporter.expose.catalogue import METRICS
from drift_exporter.once import run_once

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def test_the_readmes_configurations_load(tmp_path: Path) -> None:
    names = []
    for example in blocks(ROOT / "README.md", "yaml"):
        (tmp_path / "config.yml").write_text(example)
        names += [model.name for model in load_config(tmp_path / "config.yml").models]
    assert ["fraud", "clicks"] == names


def test_the_example_of_a_shared_log_prints_what_is_shown(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    section = page.split("## Several models in one log\n")[1].split("\n## ")[0]
    config, log, printed = re.findall(r"^```\w*\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "config.yml").write_text(config)
    (tmp_path / "platform.ndjson").write_text(log)
    metrics, problems = run_once(tmp_path / "config.yml")

    assert [] == problems
    names = {line.split("{")[0] for line in printed.splitlines()}
    found = [line for line in metrics.decode().splitlines() if line.split("{")[0] in names]
    assert sorted(printed.splitlines()) == sorted(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
    assert [] == [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page: Path) -> None:
    for block in blocks(page, "(?:console|sh|bash)?"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("drift-exporter "):
                command = re.split(r"\s[|>]\s", line)[0]
                arguments = shlex.split(command, comments=True)[1:]
                assert build_parser().parse_args(arguments) is not None


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """Long options of a parser and of all its verbs."""
    found = set()
    for action in parser._actions:  # noqa: SLF001  # argparse lists its actions nowhere else
        found |= {option for option in action.option_strings if option.startswith("--")}
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  # same
            for verb in action.choices.values():
                found |= options_of(verb)
    return found - {"--help", "--version"}


def test_every_option_of_the_command_line_is_documented() -> None:
    text = "".join(page.read_text() for page in PAGES)
    assert set() == {option for option in options_of(build_parser()) if option not in text}


def test_every_reason_for_rejection_is_documented() -> None:
    package = ROOT / "exporter" / "drift_exporter"
    modules = [*(package / "sources").glob("*.py"), *(package / "decode").glob("*.py")]
    reasons = {
        reason
        for module in modules
        for reason in re.findall(
            r'"(malformed|not_object|invalid_utf8|too_long|timestamp_\w+)"', module.read_text()
        )
    }
    operations = (ROOT / "docs" / "operations.md").read_text()
    assert reasons == set(re.findall(r"^\| `(\w+)` \|", operations, flags=re.MULTILINE))


def faults_of(module: Path) -> set[str]:
    """Arguments of all ``pytest.mark.fault`` in a module of tests, also where a test is skipped here."""
    return {
        argument.value
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault"
        for argument in node.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def fault_rows() -> list[list[str]]:
    """Cells of the fault tables."""
    operations = (ROOT / "docs" / "operations.md").read_text()
    header = r"^\| fault \| what the metrics show \| what is lost \|\n\|[-|]+\n((?:\|.*\n)+)"
    tables = re.findall(header, operations, flags=re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split("|")] for t in tables for row in t.splitlines()]


def test_every_fault_in_the_table_has_a_test_and_every_tested_fault_a_row() -> None:
    rows = [row[0] for row in fault_rows()]
    tested = set().union(*(faults_of(module) for module in (ROOT / "tests").rglob("test_*.py")))

    assert sorted(tested) == sorted(rows)
    assert all(len(row) == 3 and all(row) for row in fault_rows())


def test_metrics_in_the_operations_exist() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text()
    named = set(re.findall(r"`(drift_exporter_\w+|model_\w+)", operations))
    assert set() == named - {metric.name for metric in METRICS}


def test_every_make_target_in_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"\bmake ([a-z]+)", (ROOT / "README.md").read_text()))
    assert set() == {
        target for target in targets if not re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
    }
