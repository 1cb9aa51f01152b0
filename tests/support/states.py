"""Saved states made by hand, and how they look on the disk."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from drift_exporter.join.merge import Merge
from drift_exporter.join.rows import PREDICTIONS, id_fields, make_block
from drift_exporter.join.run import Reader, layout_of
from drift_exporter.runtime import ModelRuntime
from drift_exporter.setting_up import make_model
from drift_exporter.sources.position import Fingerprint, Position
from drift_exporter.state.counters import counters_anew
from drift_exporter.state.rows import Changes, Counts, Document, ModelState, SavedSample, SavedSlice
from drift_exporter.state.store import Store
from drift_exporter.window.ids import Block
from drift_exporter.window.sample import NO_LIMIT, Sample
from support.records import NOW, Setup

HOUR = 3_600_000_000
PRINT = "f0" * 32
SAVED = 1_767_225_600.0  # 2026-01-01 00:00:00 UTC
POSITION = Position(
    serial=3,
    path="/logs/a\udcff.log",
    device=2**63 + 1,
    inode=2**64 - 1,
    offset=12,
    head=Fingerprint.of(b"head"),
    tail=Fingerprint.of(b"tail"),
    header=b"a,b\n",
    known_size=20,
    finished=(20, 1.5),
    time=1_000_000,
    gone=False,
    unread=0,
)


def model_counters(**known: object) -> Document:
    """Counters of a model, at their beginning unless ``known``."""
    return {**counters_anew({"dead_letter": None}), **known}


def version_counters(**known: object) -> Document:
    """Counters of a version, at their beginning unless ``known``."""
    return {
        "predictions": 0,
        "errors": 0,
        "latency": [0] * 17,
        "latency_sum": 0.0,
        "confidence": [0] * 21,
        "confidence_sum": 0.0,
        "last_timestamp": None,
        "exemplars": {},
        **known,
    }


def a_slice(start: int, rows: int = 2, window: int = HOUR) -> SavedSlice:
    """A slice of two bins of version v1."""
    return SavedSlice("v1", PRINT, window, start, rows, np.array([1, 1]), np.array([0.1, 0.2]))


IDS = Block(
    np.array([1, 2], dtype=np.uint64), np.array([3, 4], dtype=np.uint64), np.array([-5, 6], dtype=np.int64)
)


def a_sample(start: int) -> SavedSample:
    """Three records that are kept of a slice."""
    values = np.array([[0.5, 1.0], [np.nan, 2.0], [-1e300, 0.0]])
    return SavedSample("v1", PRINT, HOUR, start, Sample(np.array([3, 7, NO_LIMIT]), values))


def state(*slices: SavedSlice, records: int = 2, positions: Sequence[Position] = (POSITION,)) -> ModelState:
    """A model with version v1, of two bins, with records that are kept of each slice."""
    return ModelState(
        counters=model_counters(records=records),
        versions={"v1": version_counters(predictions=records)},
        counts=[Counts("v1", PRINT, np.array([records, 0]))],
        slices=slices,
        positions=positions,
        ids={0: IDS},
        marks={"topic/0": b"12"},
        samples=[a_sample(part.start) for part in slices],
    )


def a_merge(store: Store, model: str, ids: Sequence[int] = (1, 2, 3), number: int = 0) -> Merge:
    """What makes a run of predictions with these ids, in order, of a model."""
    rows = np.array([(id_, id_, 0) for id_ in ids], dtype=id_fields())
    reader = Reader(PREDICTIONS, layout_of(rows.dtype, {"versions": ["v1"]}), store.fetcher(model), None)
    return Merge(number, reader, (), (make_block(rows),), (), 512, 0)


def save(folder: Path, **models: ModelState) -> None:
    """Save models, each with a prediction that waits, and give the folder back."""
    with closing(Store(folder)) as store:
        for name, one in models.items():
            known = store.load(name)
            merges = () if known is not None and known.runs else (a_merge(store, name),)
            store.save(name, Changes(one, merges=merges), SAVED)


def content(folder: Path) -> dict[str, bytes]:
    """Every file in a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def run(setup: Setup, now: float = NOW) -> ModelRuntime:
    """Let the exporter's model go on from its state, read its log and save; returns it, closed."""
    config = setup.config
    with closing(Store(config.state_dir)) as store:
        model = make_model(config.models[0], config, clock=lambda: now, store=store)
        model.restore()
        model.read()
        model.evaluate()
        model.close()
    return model


_HOLD = """
import sys
from pathlib import Path
from drift_exporter.state.store import Store
from support.states import a_slice, state
from drift_exporter.state.rows import Changes
store = Store(Path(sys.argv[1]))
for line in sys.stdin:
    store.save("held", Changes(state(a_slice(0), records=int(line))))
    print("saved", flush=True)
"""


class Holder:
    """Another process that has a state open, with something in its write-ahead log."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-c", _HOLD, str(folder)]
        tests = str(Path(__file__).parents[1])
        paths = os.pathsep.join([tests, *sys.path])
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths},
        )
        self.save(1)

    def save(self, records: int) -> None:
        """Save model ``held`` with this number of records; on disk when this returns."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{records}\n")
        self.process.stdin.flush()
        assert "saved\n" == self.process.stdout.readline()

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.communicate(timeout=20)


@contextmanager
def holding(folder: Path) -> Iterator[Holder]:
    """A process that has the state in ``folder`` open; it is killed at the end."""
    holder = Holder(folder)
    try:
        yield holder
    finally:
        if holder.process.poll() is None:
            holder.kill()


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up root's right to everything, where we have it."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def flip(path: Path, place: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
