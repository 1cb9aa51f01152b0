"""Beginning anew, for one model or for all; what there was stays beside it."""

import json
import os
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from drift_exporter.errors import StateError
from drift_exporter.state.counters import counters_anew
from drift_exporter.state.lock import take_lock
from drift_exporter.state.look import beside, missing
from drift_exporter.state.reading import FILE, damaged, to_document
from drift_exporter.state.rows import INFRASTRUCTURE, labels_of, owner_of
from drift_exporter.state.store import Store, checked

_COUNTED = {
    "version": "SELECT EXISTS (SELECT 1 FROM version WHERE model = :model)",
    "series": "SELECT EXISTS (SELECT 1 FROM series WHERE model = :model)",
    "slice": "SELECT EXISTS (SELECT 1 FROM slice WHERE series IN (SELECT value FROM json_each(:series)))",
    "sample": "SELECT EXISTS (SELECT 1 FROM sample WHERE series IN (SELECT value FROM json_each(:series)))",
    "ids": "SELECT EXISTS (SELECT 1 FROM ids WHERE model = :model)",
    "run": "SELECT EXISTS (SELECT 1 FROM run WHERE model = :model)",
    "chunk": "SELECT EXISTS (SELECT 1 FROM chunk WHERE run IN (SELECT value FROM json_each(:runs)))",
}
_PLACED = {
    "model": "SELECT EXISTS (SELECT 1 FROM model WHERE name = :model)",
    "file": "SELECT EXISTS (SELECT 1 FROM file WHERE model = :model)",
    "mark": "SELECT EXISTS (SELECT 1 FROM mark WHERE model = :model)",
}
"""Whether a table still has something of a model."""


def reset_state(folder: Path, model: str | None, *, keep_positions: bool, now: float | None = None) -> str:
    """Reset one model, or with None all; returns what to tell of it. Raises StateError like the two below."""
    moment = time.time() if now is None else now
    letters = "The dead-letter files stay as they are; what is rejected again is written to them again."
    again = "logs are read from their beginning at the next start, and"
    if model is None:
        aside = reset_all(folder, moment)
        return f"The state was moved to {aside}.\nAll {again} all counters begin at 0. {letters}"
    copy = reset_model(folder, model, moment, keep_positions=keep_positions)
    told = f"Model {model} was reset. The state as it was is in {copy}."
    if model == INFRASTRUCTURE:
        return f"{told}\nAt the next start the history of its signals is asked for, and learnt from, again."
    if keep_positions:
        return (
            f"{told}\nAt the next start its logs are read on from where they were; its counters begin at 0, "
            "its windows are empty."
        )
    return f"{told}\nIts {again} its counters begin at 0. {letters}"


def reset_all(folder: Path, now: float) -> Path:
    """Move the state in a folder aside, whatever it is; returns its new path.

    Raises StateError where there is none, or where an exporter uses it.
    """
    path = folder / FILE
    present = [file for file in beside(path) if file.exists()]
    if not present:
        raise missing(folder)
    lock = take_lock(folder)
    try:
        aside = _free(path, now)
        try:
            # The file goes first. Were this cut short after its log had gone, an exporter would go on from an
            # older state; like this it begins anew, and the log is moved by the next attempt.
            for file, other in zip(beside(path), beside(aside), strict=True):
                if file.exists():
                    file.rename(other)
            _sync(folder)
        except OSError as error:
            raise StateError(f"{path} cannot be moved aside: {error.strerror}") from error
    finally:
        os.close(lock)
    return aside


def reset_model(folder: Path, model: str, now: float, *, keep_positions: bool = False) -> Path:
    """Forget a model and its labels, after a copy of the whole state was made; returns the copy's path.

    With ``keep_positions`` the model's files are not read again. Raises StateError where the model has no
    state, where that is damaged too much, or where an exporter uses it; nothing is changed then.
    """
    path = folder / FILE
    if not path.exists():
        raise missing(folder)
    with closing(Store(folder)) as store:
        models = store.models()
        if (owner := owner_of(model)) != model:
            raise StateError(f"{path}: labels are reset with their model; reset {owner!r}")
        if model not in models:
            raise StateError(
                f"{path} has no model {model!r}; it has {', '.join(map(repr, models)) or 'none at all'}"
            )
        copy = _free(path, now)
        store.copy(copy)
        with store.changing() as connection:
            for name in (model, labels_of(model)):
                if name in models:
                    _forget(connection, path, name, now if keep_positions else None)
    return copy


def _forget(connection: sqlite3.Connection, path: Path, model: str, anew: float | None) -> None:
    """Delete all of a model; where ``anew`` (seconds since the epoch) is given, all but its positions."""
    run = connection.execute
    series = json.dumps([number for (number,) in run("SELECT id FROM series WHERE model = ?", [model])])
    runs = json.dumps([number for (number,) in run("SELECT id FROM run WHERE model = ?", [model])])
    if anew is None:
        run("DELETE FROM model WHERE name = ?", [model])
        rows = {**_COUNTED, **_PLACED}
    else:
        (text,) = run("SELECT counters FROM model WHERE name = ?", [model]).fetchone()
        try:
            counters = counters_anew(to_document(text))
        except ValueError as error:
            raise StateError(
                f"{path}: model {model}: where its dead-letter file ended cannot be read ({error}), and its "
                "positions go with that; reset it without --keep-positions"
            ) from error
        run("DELETE FROM version WHERE model = ?", [model])
        run("DELETE FROM series WHERE model = ?", [model])
        run("DELETE FROM ids WHERE model = ?", [model])
        run("DELETE FROM run WHERE model = ?", [model])
        name, *row = checked(model, float(anew), json.dumps(counters))
        # Not replaced: what refers to it would go with it.
        run("UPDATE model SET saved = ?, counters = ?, checksum = ? WHERE name = ?", [*row, name])
        rows = _COUNTED
    for table, query in rows.items():
        if run(query, {"model": model, "series": series, "runs": runs}).fetchone()[0]:
            raise damaged(path, f"the table {table} cannot be emptied of model {model}")


def _free(path: Path, now: float) -> Path:
    """A name for the old state, which no file has yet."""
    name = f"{path.name}.{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H-%M-%SZ}"
    names = (path.with_name(name if number == 1 else f"{name}.{number}") for number in count(1))
    return next(name for name in names if not any(os.path.lexists(file) for file in beside(name)))


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
