"""Speed of reading and counting, as ratios within one run (``make bench``).

NDJSON: what DuckDB takes on one thread merely to parse the columns that the exporter reads, against what
the exporter takes for all of it (read, parse, count, window, judge, render), both as whole processes, CPU
seconds of user and system, the smaller of several runs taken in turn. Parquet: records per CPU second of the
exporter. Memory: the exporter's peak for a log and for one of four times the size. Scrape: CPU of the running
exporter for one scrape of about 10,000 series over HTTP.

Everything is written to build/bench.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb
import requests

from drift_exporter.cli import main as cli

BUILD = Path(__file__).resolve().parents[1] / "build" / "bench"
NUMERIC, CATEGORICAL = 16, 4
CATEGORIES = 8

CONFIG = """\
windows: [1h, 24h, 7d]
models:
  - name: bench
    task: binary
    reference: reference.json
    predictions:
      source: {{type: file, path: {log}}}
      fields:
        timestamp: ts
        version: version
        prediction: prediction
        score: score
        latency: {{field: latency_ms, unit: ms}}
        features: features.*
"""

WIDE = """\
evaluation_interval: 1h
models:
  - name: wide
    task: regression
    reference: wide.json
    predictions:
      source: {type: file, path: wide.ndjson}
      fields: {timestamp: ts, features: features.*}
"""

PARSE = """\
import duckdb, sys
connection = duckdb.connect(config={{"threads": 1}})
connection.execute("SET enable_progress_bar = false")
connection.execute({query!r}).fetchall()
"""


@dataclass(frozen=True)
class Cost:
    """CPU seconds and peak memory (MiB) of one process."""

    cpu: float
    memory: float


def measure(command: list[str]) -> Cost:
    """Run a command to its end; raises where it fails."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def features() -> tuple[list[str], list[str]]:
    """Names of the numeric and the categorical features."""
    return [f"f{i:02d}" for i in range(NUMERIC)], [f"category_{i}" for i in range(CATEGORICAL)]


def write_logs(records: int, start: float = 1.76e9) -> None:
    """NDJSON (about 416 bytes a record), the same as Parquet, and a tenth of it as reference."""
    numeric, categorical = features()
    uniform = "((hash(i, {k}) % 1000003 + 1) / 1000005.0)"
    normal = [
        f"round(sqrt(-2 * ln({uniform.format(k=2 * k)})) * cos(2 * pi() * {uniform.format(k=2 * k + 1)}), 5)"
        for k in range(NUMERIC)
    ]
    chosen = [f"'v' || hash(i, {1000 + k}) % {CATEGORIES}" for k in range(CATEGORICAL)]
    fields = ", ".join(
        f"{name} := {value}" for name, value in zip(numeric + categorical, normal + chosen, strict=True)
    )
    query = f"""
        SELECT
            strftime(make_timestamp((({start} + i * 0.05) * 1e6)::BIGINT), '%Y-%m-%dT%H:%M:%S.%gZ') AS ts,
            '3' AS version, struct_pack({fields}) AS features, (hash(i, 7) % 2)::INT AS prediction,
            round({uniform.format(k=5000)}, 4) AS score,
            round(-20 * ln({uniform.format(k=5001)}), 2) AS latency_ms
        FROM range({records}) AS r(i)
    """
    duckdb.execute("SET enable_progress_bar = false")
    duckdb.execute(f"COPY ({query}) TO '{BUILD / 'log.ndjson'}' (FORMAT JSON)")
    duckdb.execute(f"COPY ({query}) TO '{BUILD / 'log.parquet'}' (FORMAT PARQUET)")
    duckdb.execute(f"COPY ({query} LIMIT {records // 10}) TO '{BUILD / 'reference.ndjson'}' (FORMAT JSON)")
    with (BUILD / "log4.ndjson").open("wb") as four:
        for _ in range(4):
            four.write((BUILD / "log.ndjson").read_bytes())


def parse_query(log: Path) -> str:
    """What DuckDB must do at the least: read each of the columns once."""
    numeric, categorical = features()
    struct = ", ".join([f"{n} DOUBLE" for n in numeric] + [f"{c} VARCHAR" for c in categorical])
    columns = (
        f"{{ts: 'VARCHAR', version: 'VARCHAR', features: 'STRUCT({struct})', prediction: 'VARCHAR', "
        "score: 'DOUBLE', latency_ms: 'DOUBLE'}"
    )
    leaves = [f"features.{name}" for name in numeric + categorical]
    counts = ", ".join(
        f"count({leaf})" for leaf in [*leaves, "ts", "version", "prediction", "score", "latency_ms"]
    )
    return f"SELECT {counts} FROM read_json('{log}', format = 'newline_delimited', columns = {columns})"


def write_config(name: str) -> Path:
    """Configuration that reads one of the logs."""
    path = BUILD / f"{name}.yml"
    path.write_text(CONFIG.format(log=name))
    return path


def once(name: str) -> list[str]:
    """Command that reads a whole log and prints the metrics."""
    return [sys.executable, "-m", "drift_exporter.cli", "once", "--config", str(write_config(name))]


def write_wide(columns: int = 300, records: int = 200) -> None:
    """A log with so many columns that they make about 10,000 series, and its configuration."""
    fields = ", ".join(f"w{i:03d} := hash(i, {i}) % 1000003 / 1000003.0" for i in range(columns))
    query = f"SELECT 1.76e9 + i AS ts, struct_pack({fields}) AS features FROM range({records}) AS r(i)"
    duckdb.execute(f"COPY ({query}) TO '{BUILD / 'wide.ndjson'}' (FORMAT JSON)")
    path = BUILD / "wide.yml"
    path.write_text(WIDE)
    build = ["reference", "build", "--config", str(path), "--model", "wide"]
    cli([*build, "--input", str(BUILD / "wide.ndjson"), "--output", str(BUILD / "wide.json")])


def scrape_cost(scrapes: int = 200) -> tuple[int, float]:
    """Number of series of a running exporter, and its CPU milliseconds for one scrape."""
    port = free_port()
    command = ["serve", "--config", str(BUILD / "wide.yml"), "--web.listen-address", f"127.0.0.1:{port}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "drift_exporter.cli", "--log.level", "warning", *command]
    )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while not is_ready(url):
            if time.monotonic() > deadline:
                raise TimeoutError("the exporter was not ready within 60 s")
            time.sleep(0.1)
        with requests.Session() as session:
            text = session.get(f"{url}/metrics", timeout=10).text
            before = cpu_seconds(process.pid)
            for _ in range(scrapes):
                session.get(f"{url}/metrics", timeout=10).raise_for_status()
            cost = (cpu_seconds(process.pid) - before) / scrapes
    finally:
        process.terminate()
        process.wait(timeout=10)
    return sum(not line.startswith("#") for line in text.splitlines()), cost * 1000


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def metric(url: str, name: str) -> float:
    """Sum of all series of a metric."""
    lines = requests.get(f"{url}/metrics", timeout=10).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


def is_ready(url: str, page: str = "ready") -> bool:
    """Whether the exporter has judged for the first time; with the page ``healthy``, whether it answers."""
    try:
        return requests.get(f"{url}/-/{page}", timeout=10).ok
    except requests.ConnectionError:
        return False


def cpu_seconds(pid: int) -> float:
    """User and system time of a running process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def generate(records: int) -> None:
    """Write all logs, references and configurations."""
    write_logs(records)
    build = ["reference", "build", "--config", str(write_config("log.ndjson")), "--model", "bench"]
    cli([*build, "--input", str(BUILD / "reference.ndjson"), "--output", str(BUILD / "reference.json")])
    write_wide()


def main() -> None:
    """Print the figures, one a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--generate", action="store_true", help="only write the logs")
    options = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    if options.generate:
        generate(options.records)
        return
    # In a process of its own: a child's peak memory starts at that of its parent.
    arguments = [sys.executable, __file__, "--generate", "--records", str(options.records)]
    subprocess.run(arguments, check=True)
    size = (BUILD / "log.ndjson").stat().st_size / options.records

    parse = [sys.executable, "-c", PARSE.format(query=parse_query(BUILD / "log.ndjson"))]
    opening = [sys.executable, "-c", PARSE.format(query="SELECT 1")]
    pairs = [(measure(parse), measure(once("log.ndjson"))) for _ in range(options.runs)]
    parsing, ours = (min(costs, key=lambda cost: cost.cpu) for costs in zip(*pairs, strict=True))
    parquet = min((measure(once("log.parquet")) for _ in range(options.runs)), key=lambda cost: cost.cpu)
    parse_four = [sys.executable, "-c", PARSE.format(query=parse_query(BUILD / "log4.ndjson"))]
    pairs = [(measure(parse_four), measure(once("log4.ndjson"))) for _ in range(options.runs)]
    parsing_four, four = (min(costs, key=lambda cost: cost.cpu) for costs in zip(*pairs, strict=True))
    empty = BUILD / "empty.ndjson"
    empty.touch()
    start = min((measure(once("empty.ndjson")) for _ in range(options.runs)), key=lambda cost: cost.cpu)
    bare = min((measure(opening) for _ in range(options.runs)), key=lambda cost: cost.cpu)
    figures: dict[str, float] = {
        "records": options.records,
        "bytes_per_record": round(size),
        "ndjson_parse_only_cpu_seconds": round(parsing.cpu, 2),
        "ndjson_end_to_end_cpu_seconds": round(ours.cpu, 2),
        "start_and_stop_cpu_seconds": round(start.cpu, 2),
        f"ndjson_speed_of_parse_only_{4 * options.records}_records": round(parsing_four.cpu / four.cpu, 3),
        f"ndjson_speed_of_parse_only_{options.records}_records": round(parsing.cpu / ours.cpu, 3),
        "ndjson_speed_of_parse_only_without_starts": round(
            (parsing.cpu - bare.cpu) / (ours.cpu - start.cpu), 3
        ),
        "ndjson_records_per_cpu_second": round(options.records / ours.cpu),
        "parquet_records_per_cpu_second": round(options.records / parquet.cpu),
        "parquet_records_per_cpu_second_without_start": round(options.records / (parquet.cpu - start.cpu)),
        "peak_memory_mib": round(ours.memory),
        "peak_memory_mib_four_times_the_log": round(four.memory),
        "peak_memory_mib_parquet": round(parquet.memory),
    }
    figures["scrape_series"], scrape = scrape_cost()
    figures["scrape_cpu_milliseconds"] = round(scrape, 2)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
