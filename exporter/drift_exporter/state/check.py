"""Verifying a saved state, all of it: the file, every row, and whether it fits the configuration."""

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from drift_exporter.anomalies.scoring import SIZE
from drift_exporter.count.layout import Layout
from drift_exporter.errors import StateError
from drift_exporter.reference.model import IntArray
from drift_exporter.state.look import look
from drift_exporter.state.reading import (
    FILE,
    FILES,
    IDS,
    MARKS,
    MODELS,
    SERIES,
    SLICES,
    VERSIONS,
    Row,
    command,
    is_empty,
    missing_tables,
    schema_version,
    to_block,
    to_counters,
    to_counts,
    to_mark,
    to_position,
    to_slice,
    to_version,
)
from drift_exporter.state.references import Layouts
from drift_exporter.state.rows import ANOMALIES, by_bins, owner_of
from drift_exporter.state.runs import CHUNKS, RUNS, chunk_checker, to_run
from drift_exporter.state.samples import SAMPLES, to_sample
from drift_exporter.state.schema import TABLES
from drift_exporter.state.words import printable, time_text, window_name
from drift_exporter.window.slices import MICROSECONDS

T = TypeVar("T")

MOST_PROBLEMS = 100
"""Problems that are told one by one."""

_PRINT = 16
Place = tuple[str, str, str]


@dataclass(frozen=True)
class Findings:
    """One line each: what is wrong, what is worth knowing, and how much was looked at."""

    problems: Sequence[str]
    notes: Sequence[str]
    summary: str


def check_state(folder: Path, layouts: Layouts | None = None) -> Findings:
    """Verify the state in a folder, and whether it fits the layouts in use, where they are given.

    Raises StateError where there is no state, or where it is something else's or a newer one.
    """
    return look(folder, lambda connection: _Check(connection, folder / FILE, layouts).run())


@dataclass
class _Check:
    """What was found so far. A place is a model, a version and the fingerprint of a reference."""

    connection: sqlite3.Connection
    path: Path
    layouts: Layouts | None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    found: Counter[str] = field(default_factory=Counter)
    places: list[Place] = field(default_factory=list)
    sizes: dict[Place, int] = field(default_factory=dict)
    sums: dict[Place, int] = field(default_factory=dict)

    def run(self) -> Findings:
        # What is not UTF-8 must not end the search; it is noticed below.
        self.connection.text_factory = _text
        try:
            if is_empty(self.connection, self.path):
                raise StateError(f"{self.path} is empty: nothing was saved there yet")
            self._check_file()
            models = self._check_rows()
        except sqlite3.Error as error:
            self._of_file(str(error))
        else:
            self._compare(models)
        counts = ", ".join(
            f"{self.found[what]:,} {what}{'' if self.found[what] == 1 else 's'}"
            for what in ("model", "version", "slice", "file")
        )
        if left := self.problems[MOST_PROBLEMS:]:
            self.problems[MOST_PROBLEMS:] = [f"{self.path}: {len(left):,} more problems"]
        return Findings(
            [printable(problem) for problem in self.problems],
            [printable(note) for note in self.notes],
            printable(f"{self.path}: fine: {counts}"),
        )

    def _check_file(self) -> None:
        for (text,) in self.connection.execute("PRAGMA integrity_check"):
            if text != "ok":
                self._of_file(text)
        for table in missing_tables(self.connection):
            self._of_file(f"the table {table} is missing")
        orphans: Counter[tuple[str, str]] = Counter()
        for table, _, parent, _ in self.connection.execute("PRAGMA foreign_key_check"):
            orphans[table, parent] += 1
        for (table, parent), count in orphans.items():
            self._of_file(f"{count:,} rows of the table {table} belong to no {parent}")

    def _check_rows(self) -> list[str]:
        """Look at every row; returns the names of the models."""
        models = [row[0] for row, _ in self._each("model", MODELS + " ORDER BY name", to_counters)]
        # Where the source of a model's labels stands is not one more model.
        self.found["model"] -= sum(owner_of(name) != name for name in models)
        self._look_at("version", VERSIONS + " ORDER BY model, number", to_version)
        for row, counts in self._each("series", SERIES + " ORDER BY id", to_counts):
            if by_bins(row[2]):
                self.places.append((row[0], row[1], row[2]))
                self._fit(row, "series", len(counts.counts), None)
            else:
                self._fit_others(row, "series", counts.counts, None)
        for row, part in self._each("slice", SLICES, to_slice):
            if by_bins(row[2]):
                self._fit(row, "slice", len(part.counts), len(part.sums))
            else:
                self._fit_others(row, "slice", part.counts, part.rows)
        self._look_at("file", FILES + " ORDER BY model, serial", to_position)
        self._look_at("ids", IDS + " ORDER BY model, number", to_block)
        if schema_version(self.connection) >= TABLES["mark"]:
            self._look_at("mark", MARKS + " ORDER BY model, key", to_mark)
        if schema_version(self.connection) >= TABLES["sample"]:
            for row, kept in self._each("sample", SAMPLES, to_sample):
                self._fit_sample(row, kept.sample.values.shape[1])
        if schema_version(self.connection) >= TABLES["run"]:
            self._check_runs()
        return models

    def _check_runs(self) -> None:
        for row, run in list(self._each("run", RUNS + " ORDER BY model, side, run.number", to_run)):
            query = f"{CHUNKS} WHERE run.id = {int(row[-1])} ORDER BY chunk.number"
            sizes = [size for _, size in self._each("chunk", query, chunk_checker(run))]
            if len(sizes) != len(run.firsts) or sum(sizes) != run.size:
                self._of_row(
                    "run",
                    row,
                    f"{sum(sizes):,} rows in {len(sizes):,} chunks are fine of {run.size:,} in "
                    f"{len(run.firsts):,}",
                )

    def _look_at(self, table: str, query: str, convert: Callable[[Row], object]) -> None:
        for _ in self._each(table, query, convert):
            pass

    def _each(self, table: str, query: str, convert: Callable[[Row], T]) -> Iterator[tuple[Row, T]]:
        """The rows that are fine, and what is made of them; the others are noted as problems."""
        try:
            for row in self.connection.execute(query):
                self.found[table] += 1
                try:
                    if any(isinstance(value, str) and not _is_text(value) for value in row):
                        raise ValueError("a text is not UTF-8")  # noqa: TRY301  # told like all that is wrong with it
                    converted = convert(row)
                except (ValueError, TypeError) as error:
                    self._of_row(table, row, str(error))
                else:
                    yield row, converted
        except sqlite3.Error as error:
            self._of_file(f"the table {table}: {error}")

    def _fit(self, row: Row, table: str, counts: int, sums: int | None) -> None:
        """Compare numbers of bins with those of the same version, and of the reference in use."""
        place = row[0], row[1], row[2]
        layout = self._layout(row[0], row[1])
        if layout is not None and layout.reference.fingerprint == row[2]:
            wanted, wanted_sums, whose = layout.size, layout.sums_size, "its reference"
        else:
            # The first one that is met stands for all.
            wanted = self.sizes.setdefault(place, counts)
            wanted_sums = 0 if sums is None else self.sums.setdefault(place, sums)
            whose = "the rest of its version"
        if counts != wanted:
            self._of_row(table, row, f"{counts:,} counts by bin where {whose} has {wanted:,}")
        elif sums is not None and sums != wanted_sums:
            self._of_row(table, row, f"{sums:,} sums by bin where {whose} has {wanted_sums:,}")

    def _fit_others(self, row: Row, table: str, counts: IntArray, rows: int | None) -> None:
        """Look at how many counts there are of outcomes, which they say themselves, or of anomalies."""
        if row[2].startswith(ANOMALIES):
            if len(counts) != SIZE:
                self._of_row(table, row, f"{len(counts):,} counts of anomalies where there should be {SIZE}")
            return
        # Cells and how often each; in a series before them their number, and numbers behind.
        cells = rows if rows is not None else int(counts[0]) if len(counts) else -1
        least = 2 * cells if rows is not None else 1 + 2 * cells
        if cells < 0 or len(counts) < least or (rows is not None and len(counts) != least):
            self._of_row(table, row, f"{len(counts):,} numbers are no outcomes in {cells:,} cells")

    def _fit_sample(self, row: Row, columns: int) -> None:
        layout = self._layout(row[0], row[1])
        if layout is None or layout.reference.fingerprint != row[2]:
            return
        wanted = len(layout.reference.sampled)
        if columns != wanted:
            self._of_row(
                "sample", row, f"{columns:,} columns in its records where its reference has {wanted:,}"
            )

    def _layout(self, model: str, version: str) -> Layout | None:
        own = {} if self.layouts is None else self.layouts.get(model, {})
        return own.get(version, own.get(None))

    def _compare(self, models: Sequence[str]) -> None:
        """Note what of the state the configuration does not use, and what it has not yet."""
        if self.layouts is None:
            return
        for model in models:
            if owner_of(model) not in self.layouts:
                if owner_of(model) != model:
                    continue
                forget = command("reset", self.path.parent, "--model", model)
                self.notes.append(
                    f"model {model} is not configured: its state is kept and not used; {forget} forgets it"
                )
        for model in self.layouts:
            if model not in models:
                self.notes.append(
                    f"model {model} is configured and has no state: its logs are read from their beginning"
                )
        for model, version, fingerprint in self.places:
            layout = self._layout(model, version)
            if model in self.layouts and (layout is None or layout.reference.fingerprint != fingerprint):
                used = (
                    "it has no reference now"
                    if layout is None
                    else f"its reference has others now ({layout.reference.fingerprint[:_PRINT]})"
                )
                self.notes.append(
                    f"model {model}, version {version}, bins {fingerprint[:_PRINT]}: {used}; "
                    "its counts under these are kept and not used"
                )

    def _of_file(self, reason: str) -> None:
        reset = command("reset", self.path.parent, "--all")
        self.problems.append(f"{self.path}: {reason}; restore a backup, or begin anew: {reset}")

    def _of_row(self, table: str, row: Row, reason: str) -> None:
        reset = command("reset", self.path.parent, "--model", owner_of(str(row[0])))
        self.problems.append(
            f"{_DESCRIBE[table](row)}: {reason}; restore a backup, or begin the model anew: {reset}"
        )


def _text(data: bytes) -> str:
    return data.decode(errors="surrogateescape")


def _is_text(value: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in value)


def _version(row: Row) -> str:
    return f"model {row[0]}, version {row[1]}"


def _bins(row: Row) -> str:
    return f"{_version(row)}, bins {str(row[2])[:_PRINT]}"


def _slice(row: Row) -> str:
    window, start = (value / MICROSECONDS for value in row[3:5])
    return f"{_bins(row)}, slice of {window_name(window)} at {time_text(start)}"


def _file(row: Row) -> str:
    return f"model {row[0]}, file {os.fsdecode(row[2])}"


_DESCRIBE: Mapping[str, Callable[[Row], str]] = {
    "model": lambda row: f"model {row[0]}",
    "version": _version,
    "series": _bins,
    "slice": _slice,
    "sample": lambda row: f"{_slice(row)}, records that are kept",
    "file": _file,
    "ids": lambda row: f"model {row[0]}, ids {row[1]}",
    "mark": lambda row: f"model {row[0]}, mark {row[1]}",
    "run": lambda row: f"model {row[0]}, run {row[2]} of {row[1]} to join",
    "chunk": lambda row: f"model {row[0]}, run {row[2]} of {row[1]} to join, chunk {row[3]}",
}
