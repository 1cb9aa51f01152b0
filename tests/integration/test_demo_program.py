"""The demonstration as a program: how it ends."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from employment import demo

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("demo-program")]
SPEED = "8"
PATIENCE = 120.0


class Running:
    """The program in a process group of its own, as a terminal would have it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        command = [sys.executable, demo.__file__, "--speed", SPEED, "--folder", str(folder), *arguments]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        self.said = ""

    def wait_for(self, text: str | None) -> None:
        """Read until ``text`` was said; to the end where it is None."""
        assert self.process.stdout is not None
        end = time.monotonic() + PATIENCE
        while text is None or text not in self.said:
            assert time.monotonic() < end, f"{text!r} was not said: {self.said}"
            ready, _, _ = select.select([self.process.stdout], [], [], 1.0)
            piece = os.read(self.process.stdout.fileno(), 65_536) if ready else None
            if piece == b"":
                assert text is None, f"ended without {text!r}: {self.said}"
                return
            self.said += (piece or b"").decode()

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to the whole group, as a terminal does."""
        os.killpg(self.process.pid, number)

    def ended(self) -> int:
        """The exit status, after its end; no process of the group may be left then."""
        self.wait_for(None)
        status = self.process.wait(timeout=PATIENCE)
        with pytest.raises(ProcessLookupError):
            os.killpg(self.process.pid, 0)
        return status


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Running]:
    program = Running(folder, *arguments)
    try:
        yield program
    finally:
        with suppress(ProcessLookupError):
            os.killpg(program.process.pid, signal.SIGKILL)
        program.process.wait(timeout=10)
        assert program.process.stdout is not None
        program.process.stdout.close()


def test_stays_up_until_ctrl_c_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with running(tmp_path / "demo") as program:
        program.wait_for("everything stays up")
        assert "first metric in Prometheus after" in program.said
        assert "the page arrived after" in program.said
        assert "report page  http://127.0.0.1:" in program.said
        assert program.process.poll() is None
        program.tell(signal.SIGINT)
        assert 0 == program.ended(), program.said
        assert program.said.endswith("demo: stopped\n")
        assert "Traceback" not in program.said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_before_the_page_is_no_success(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path / "demo", "--once") as program:
        program.wait_for("demo: Prometheus")
        program.tell(number)
        assert 130 == program.ended(), program.said
        assert "Traceback" not in program.said


def test_fails_with_the_reason_when_no_page_comes(tmp_path: Path) -> None:
    with running(tmp_path / "demo", "--once", "--no-shift", "--patience", "15") as program:
        assert 1 == program.ended(), program.said
        assert "silent, as it should be" in program.said
        last = program.said.splitlines()[-1]
        assert last.startswith("demo: FAILED: not within 15 s: a page for ModelDrift at the webhook")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    with running(tmp_path, "--once") as program:
        assert 1 == program.ended()
        assert f"FAILED: {tmp_path} is not empty" in program.said
    assert "mine" == (tmp_path / "precious").read_text()
