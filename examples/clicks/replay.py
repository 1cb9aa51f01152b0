"""The logs of a model and of its labels, written as time passes, but faster."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from clicks.traffic import Event, Traffic
from support.stack import TICK_SECONDS

PREDICTIONS = Path("logs") / "predictions.ndjson"


def label_log(model: str) -> Path:
    """The log of a model's labels, relative to the folder of the configuration."""
    return Path("labels") / f"{model}.ndjson"


Line = tuple[Event, Path]
"""An event and the log it belongs to, relative to the folder."""


def weeks(replayed: Traffic) -> tuple[list[Line], list[Line]]:
    """All events of both weeks in order of time, each with its log."""
    lines = [(event, PREDICTIONS) for event in replayed.predictions]
    for model, labels in replayed.labels.items():
        lines += [(event, label_log(model)) for event in labels]
    lines.sort(key=lambda line: line[0].time)
    second = next(n for n, (event, _) in enumerate(lines) if event.time >= replayed.turn)
    return lines[:second], lines[second:]


def replay(lines: Sequence[Line], folder: Path, start: float, end: float, seconds: float) -> None:
    """Append each line to its log when its time has come; ``start`` to ``end`` take so many seconds."""
    began, written = time.monotonic(), 0
    with contextlib.ExitStack() as opened:
        logs = {log: opened.enter_context((folder / log).open("ab")) for log in {log for _, log in lines}}
        while written < len(lines):
            now = start + (end - start) * (time.monotonic() - began) / seconds
            while written < len(lines) and lines[written][0].time <= now:
                event, log = lines[written]
                logs[log].write(event.line)
                written += 1
            for log in logs.values():
                log.flush()
            if written < len(lines):
                time.sleep(TICK_SECONDS)
