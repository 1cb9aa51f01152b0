"""How a demonstration begins and ends: its folder, its exit status, signals, and what it says."""

import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from support.handles import ServerError
from support.stack import Ports, Stack

BUILD = Path(__file__).resolve().parents[2] / "build"
WELL_KNOWN = Ports(exporter=10101, prometheus=9090, alertmanager=9093)
FAILED, INTERRUPTED = 1, 130


class DemoError(RuntimeError):
    """The demo did not show what it should; the text says what was missing."""


def run(play: Callable[[Callable[[], None]], None]) -> int:
    """The exit status of a demonstration; where it failed, the reason is said.

    ``play`` gets a function to call once all has come that it is to show: from then on an interruption is no
    failure.
    """
    stopped, come = _stop_by_signal(), threading.Event()
    try:
        play(come.set)
    except (Exception, KeyboardInterrupt) as error:
        # A query that is interrupted raises an error of its own.
        if stopped.is_set():
            say("stopped" if come.is_set() else "stopped before the page had come")
            return 0 if come.is_set() else INTERRUPTED
        if isinstance(error, DemoError | ServerError | TimeoutError):
            say(f"FAILED: {error}")
            return FAILED
        raise
    return 0


def _stop_by_signal() -> threading.Event:
    """End in order by a signal, once: those that come after must not disturb the ending of the servers."""
    stopped = threading.Event()
    endings = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(*_: object) -> None:
        for ending in endings:
            signal.signal(ending, signal.SIG_IGN)
        stopped.set()
        raise KeyboardInterrupt

    for ending in endings:
        signal.signal(ending, interrupt)
    return stopped


def empty(folder: Path | None, usual: Path) -> Path:
    """The folder to work in; a given one must be empty, the usual one is emptied."""
    if folder is None:
        shutil.rmtree(usual, ignore_errors=True)
        folder = usual
    elif folder.exists() and any(folder.iterdir()):
        raise DemoError(f"{folder} is not empty")
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def stay_up(running: Stack, what: str) -> None:
    """Wait for Ctrl-C, or for a server that ends; ``what`` goes on meanwhile."""
    say(f"everything stays up, with {what}, until Ctrl-C")
    servers = (running.exporter, running.prometheus, running.alertmanager)
    while True:
        for server in servers:
            if server.process.poll() is not None:
                raise DemoError(f"a server ended by itself: {server.log[-2000:]}")
        time.sleep(0.5)


def say(text: str) -> None:
    """One line for the person who watches."""
    print(f"demo: {text}", flush=True)
