"""What docs/operations.md shows of the state is what is printed."""

import os
import re
import shlex
from pathlib import Path

import pytest

from drift_exporter.cli import main
from support.records import NOW, Setup, ndjson, record
from support.states import run

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
FOLDER = "/var/lib/drift-exporter"


def as_documented(text: str, folder: Path) -> str:
    """Without what differs from run to run."""
    text = text.replace(str(folder), FOLDER)
    text = re.sub(
        r"state\.sqlite\.\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ", "state.sqlite.2026-01-02T03-04-05Z", text
    )
    return re.sub(r"^size         [\d.]+ KiB$", "size         112.0 KiB", text, flags=re.MULTILINE)


def test_the_examples_are_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    setup = Setup(tmp_path)
    old = [record(NOW - 7200 + minute * 60) for minute in range(90)]
    new = [record(NOW - 60 * minute, version="v2") for minute in range(30, 0, -1)]
    (setup.logs / "a.ndjson").write_bytes(ndjson(*old))
    (setup.logs / "b.ndjson").write_bytes(ndjson(*new) + b"junk\n")
    run(setup, NOW)
    (setup.logs / "a.ndjson").unlink()
    run(setup, NOW)
    monkeypatch.chdir(tmp_path)

    def replayed(match: re.Match[str]) -> str:
        command = match[1].splitlines()[0]
        capsys.readouterr()
        assert 0 == main(shlex.split(command)[2:])
        printed = capsys.readouterr()
        assert "" == printed.err
        return f"```console\n{command}\n{as_documented(printed.out, tmp_path / 'state')}```\n"

    documented = PAGE.read_text()
    actual = re.sub(r"```console\n(\$ drift-exporter state .*?)```\n", replayed, documented, flags=re.DOTALL)
    assert 3 == len(re.findall(r"^\$ drift-exporter state ", actual, flags=re.MULTILINE))
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(actual)
    assert PAGE.read_text() == actual
