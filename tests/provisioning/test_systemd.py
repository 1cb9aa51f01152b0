"""provisioning/systemd: the unit runs what there is, confined."""

import shutil
import subprocess
from pathlib import Path

import pytest

from drift_exporter.cli import build_parser
from support.alerting import ROOT

UNIT = ROOT / "provisioning" / "systemd" / "drift-exporter.service"


def settings() -> dict[str, str]:
    """Settings of the unit; none stands twice."""
    lines = [line for line in UNIT.read_text(encoding="utf-8").splitlines() if "=" in line and line[0] != "#"]
    found = dict(line.split("=", 1) for line in lines)
    assert len(found) == len(lines)
    return found


def analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Ask systemd's own tool, which needs no systemd that runs."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_the_command_line_is_one_that_the_program_understands() -> None:
    program, *arguments = settings()["ExecStart"].split()
    assert Path(program).name == "drift-exporter"
    told = build_parser().parse_args(arguments)
    assert told.config == Path("/etc/drift-exporter/config.yml")
    assert "127.0.0.1:10101" in arguments


def test_the_state_is_where_the_other_ways_of_running_have_it() -> None:
    assert f"/var/lib/{settings()['StateDirectory']}" == "/var/lib/drift-exporter"
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "VOLUME /var/lib/drift-exporter\n" in dockerfile


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    # The program is not installed here.
    text = UNIT.read_text(encoding="utf-8").replace(settings()["ExecStart"].split()[0], "/bin/true")
    (tmp_path / UNIT.name).write_text(text, encoding="utf-8")
    result = analyze("verify", str(tmp_path / UNIT.name))
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_systemd_rates_its_exposure_as_low() -> None:
    # From 0, safe, to 10, unsafe; in tenths. A unit without any of it has 9.6.
    result = analyze("security", "--offline=true", "--threshold=20", str(UNIT))
    assert result.returncode == 0, result.stdout.splitlines()[-1]
