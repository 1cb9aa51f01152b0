import os
import signal
import subprocess
from pathlib import Path

import pytest

from support import program
from support.faults import Case


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["--help"], ["check-config", "config.yml"], ["once", "--config", "nowhere.yml"]],
)
def test_a_forked_command_ends_as_the_command_line_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """In the folder and the environment of now, which may be other ones than when the server began."""
    assert 0 == program.run("--version").returncode
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "50")
    Path("config.yml").write_text("models: 5\n")
    expected = subprocess.run([*program.COMMAND, *arguments], capture_output=True, check=False, timeout=60)
    actual = program.run(*arguments)
    assert (expected.returncode, expected.stdout, expected.stderr) == (
        actual.returncode,
        actual.stdout,
        actual.stderr,
    )


def signals(pid: int) -> list[str]:
    """Which ones are blocked, ignored and caught."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return [line for line in lines if line.startswith("Sig") and not line.startswith("SigQ")]


def test_a_forked_exporter_takes_signals_as_the_command_line_does(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.append()
    found = []
    for wrapper in (("env",), ()):
        with case.process(wrapper) as running:
            running.counted()
            assert running.process is not None
            found.append((signals(running.process.pid), os.getpgid(running.process.pid)))
            running.process.send_signal(signal.SIGINT)
            assert 0 == running.wait_ended()
    assert found[0] == found[1]


def test_how_a_forked_exporter_ends_is_told(tmp_path: Path) -> None:
    case = Case(tmp_path)
    process, _ = case.spawn()
    other, _ = case.spawn()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    assert (None, None) == (process.poll(), process.returncode)
    process.kill()
    assert -signal.SIGKILL == process.wait(60) == process.poll() == process.returncode
    # Nobody else may get it.
    process.send_signal(signal.SIGTERM)
    other.kill()
    assert -signal.SIGKILL == other.wait()
