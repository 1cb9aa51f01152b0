"""What serving costs beside reading: checkpoints, a start with much state, and many files with nothing new.

Checkpoint: a log is read and saved once a second (the shipped evaluation interval is 15 s); the time in
which the model was being saved, as a share of all of it. Start: seconds until a process with so many
megabytes of state answers (it is loaded then) and until it is ready (it is judged then), and those of one
without state. Idle: CPU of a
process whose pattern matches so many files with nothing new in them, as a share of one core.

Everything is written to build/serving, and removed.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import bench
from drift_exporter.config import load_config
from drift_exporter.count.layout import make_layout
from drift_exporter.planning import make_plan
from drift_exporter.reference.store import load_reference
from drift_exporter.setting_up import make_model
from drift_exporter.state.rows import Changes, Counts, ModelState, SavedSlice
from drift_exporter.state.store import Store

BUILD = Path(__file__).resolve().parents[1] / "build" / "serving"
INTERVAL = 1.0


def write_config(name: str, log: str, *, models: int = 1) -> Path:
    """Configuration of models that read ``log``, with a state of its own."""
    head, one = bench.CONFIG.split("models:\n")
    text = f"state_dir: {name}-state\n{head}models:\n" + "".join(
        one.format(log=log)
        .replace("name: bench", f"name: bench{number}")
        .replace("reference.json", str(bench.BUILD / "reference.json"))
        for number in range(models)
    )
    path = BUILD / f"{name}.yml"
    path.write_text(text)
    return path


def checkpoint_cost() -> dict[str, float]:
    """Share of the time that saving takes, and milliseconds for one checkpoint, while a backlog is read."""
    config = load_config(write_config("checkpoint", str(bench.BUILD / "log4.ndjson")))
    store = Store(config.state_dir)
    model = make_model(config.models[0], config, final=True, store=store)
    model.restore()
    saves: list[float] = []
    start = last = time.perf_counter()

    def save() -> bool:
        nonlocal last
        now = time.perf_counter()
        if now - last >= INTERVAL:
            with model.ingest.lock:
                model.save()
            last = time.perf_counter()
            saves.append(last - now)
        return False

    model.read(stop=save)
    seconds = time.perf_counter() - start
    model.close()
    store.close()
    if not saves:
        raise RuntimeError(f"the log was read in {seconds:.1f} s, before there was a checkpoint")
    return {
        "checkpoint_share_of_reading_percent_every_second": round(100 * sum(saves) / seconds, 2),
        "checkpoint_milliseconds_median": round(1000 * statistics.median(saves), 1),
    }


def write_state(config_path: Path, megabytes: int) -> int:
    """Fill the state of all models with windows of several versions; returns the bytes of the file."""
    config = load_config(config_path)
    reference = load_reference(bench.BUILD / "reference.json")
    layout = make_layout(reference, make_plan(config.models[0], [reference]))
    model = make_model(config.models[0], config)
    windows = model.ingest.windows
    model.close()
    generator = np.random.default_rng(0)
    now = round(time.time() * 1e6)
    store = Store(config.state_dir)
    fresh = {one.name: make_model(one, config, store=store) for one in config.models}
    for one in fresh.values():
        one.restore()
    written = 0
    version = 0
    while written < megabytes << 20:
        name = config.models[version % len(config.models)].name
        state = store.load(name)
        if state is None:
            raise RuntimeError("nothing was saved")
        counts = [Counts(f"v{version}", reference.fingerprint, generator.integers(0, 1000, layout.size))]
        slices = [
            SavedSlice(
                f"v{version}",
                reference.fingerprint,
                window.length,
                number * window.slice,
                1000,
                generator.integers(0, 1000, layout.size),
                generator.random(layout.sums_size),
            )
            for window in windows
            for number in range(window.first_slice(now), now // window.slice + 1)
        ]
        traffic = {
            "predictions": 1000 * len(slices), "errors": 0, "latency": [0] * 17, "latency_sum": 0.0,
            "confidence": [0] * 21, "confidence_sum": 0.0, "last_timestamp": now, "exemplars": {},
        }  # fmt: skip
        counters = {**state.counters, "watermark": now}
        counters["versions"] = [*counters["versions"], f"v{version}"]
        versions = {**state.versions, f"v{version}": traffic}
        store.save(name, Changes(ModelState(counters, versions, counts, slices)))
        written += sum(part.counts.nbytes + part.sums.nbytes for part in slices)
        version += 1
    for one in fresh.values():
        one.close()
    store.close()
    return store.path.stat().st_size


@contextmanager
def serving(config: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, tuple[float, float]]]:
    """A running exporter, its URL, and the seconds until it answered and until it was ready."""
    port = bench.free_port()
    command = [sys.executable, "-m", "drift_exporter.cli", "--log.level", "warning", "serve"]
    begun = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--config", str(config), "--web.listen-address", f"127.0.0.1:{port}"]
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        answered = None
        while not bench.is_ready(url):
            if time.monotonic() > deadline or process.poll() is not None:
                raise TimeoutError("the exporter was not ready within 120 s")
            if answered is None and bench.is_ready(url, "healthy"):
                answered = time.perf_counter() - begun
            time.sleep(0.01)
        ready = time.perf_counter() - begun
        yield process, url, (answered or ready, ready)
    finally:
        process.terminate()
        process.wait(timeout=60)


def start_cost(megabytes: int, runs: int) -> dict[str, float]:
    """Seconds until the exporter is ready with and without state."""
    (BUILD / "empty.ndjson").touch()
    full, empty = (write_config(name, "empty.ndjson", models=10) for name in ("full", "none"))
    size = write_state(full, megabytes)
    with_state: list[tuple[float, float]] = []
    without: list[tuple[float, float]] = []
    for _ in range(runs):
        for config, seconds in ((full, with_state), (empty, without)):
            with serving(config) as (_, _, taken):
                seconds.append(taken)
    return {
        "state_megabytes": round(size / 2**20),
        "start_seconds_until_it_answers_without_state": round(min(without)[0], 2),
        "start_seconds_until_it_answers": round(min(with_state)[0], 2),
        "start_seconds_until_ready_without_state": round(min(without)[1], 2),
        "start_seconds_until_ready": round(min(with_state)[1], 2),
    }


def idle_cost(files: int, seconds: float) -> dict[str, float]:
    """CPU of a process with nothing to do but to look at many files, as a share of one core."""
    folder = BUILD / "many"
    folder.mkdir()
    with (bench.BUILD / "log.ndjson").open("rb") as log:
        for number in range(files):
            (folder / f"{number}.ndjson").write_bytes(log.readline())
    config = write_config("many", "many/*.ndjson")
    with serving(config) as (process, url, _):
        deadline = time.monotonic() + 600
        while bench.metric(url, "drift_exporter_source_records_total") < files:
            if time.monotonic() > deadline:
                raise TimeoutError("not all was read within 600 s")
            time.sleep(1)
        time.sleep(5)
        before = bench.cpu_seconds(process.pid)
        time.sleep(seconds)
        cost = (bench.cpu_seconds(process.pid) - before) / seconds
    return {"idle_files": files, "idle_cpu_percent_of_a_core": round(100 * cost, 2)}


def main() -> None:
    """Print the figures, one a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1024, help="of state")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=120, help="for which idling is watched")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    if not (bench.BUILD / "log4.ndjson").exists():
        bench.BUILD.mkdir(parents=True, exist_ok=True)
        bench.generate(1_000_000)
    try:
        figures = {
            **checkpoint_cost(),
            **start_cost(options.megabytes, options.runs),
            **idle_cost(options.files, options.seconds),
        }
        print(json.dumps(figures, indent=2))
    finally:
        shutil.rmtree(BUILD)


if __name__ == "__main__":
    main()
