"""The committed JSON is what the sources generate."""

import shutil
import subprocess
import sys
from pathlib import Path

from support.dashboards import DASHBOARDS, REPOSITORY


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(folder / "generate.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def copy_of_dashboards(folder: Path) -> Path:
    return Path(shutil.copytree(REPOSITORY / "dashboards", folder / "dashboards"))


def test_committed_files_are_up_to_date() -> None:
    result = run(REPOSITORY / "dashboards", "--check")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert [path.stem for path in DASHBOARDS] == [
        "column",
        "exporter_health",
        "model_anomalies",
        "model_detail",
        "model_fairness",
        "model_infrastructure",
        "model_performance",
        "models_overview",
    ]


def test_generating_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = copy_of_dashboards(tmp_path)
    shutil.rmtree(folder / "json")
    assert run(folder).returncode == 0
    assert {p.name: p.read_bytes() for p in DASHBOARDS} == {
        p.name: p.read_bytes() for p in (folder / "json").iterdir()
    }


def test_check_shows_an_edit_by_hand_and_changes_nothing(tmp_path: Path) -> None:
    folder = copy_of_dashboards(tmp_path)
    edited = folder / "json" / "model_detail.json"
    edited.write_text(edited.read_text().replace('"title": "Latency"', '"title": "Slowness"'))
    result = run(folder, "--check")
    assert result.returncode == 1
    assert '-      "title": "Slowness",\n+      "title": "Latency",\n' in result.stdout
    assert "Slowness" in edited.read_text()


def test_a_file_without_a_source_is_told_and_removed(tmp_path: Path) -> None:
    folder = copy_of_dashboards(tmp_path)
    stray = folder / "json" / "old.json"
    stray.write_text('{"title": "Old"}\n')
    result = run(folder, "--check")
    assert result.returncode == 1
    assert '-{"title": "Old"}' in result.stdout
    assert run(folder).returncode == 0
    assert not stray.exists()
