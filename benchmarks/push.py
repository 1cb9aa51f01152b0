"""Speed of what is pushed (``make bench``): records a second that are durable, acknowledged and counted.

A client in a process of its own sends requests of 1,000 records (about 412 bytes each, 20 features) over four
connections of the loopback, for some seconds, as fast as they are acknowledged. The exporter is the real one;
it has the machine's processors, the client takes some of them. The rate is that of all records from the first
request until the last record is counted and saved: what is only taken and not yet read does not count for it.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from bench import BUILD, cpu_seconds, free_port, is_ready, metric, write_logs
from drift_exporter.cli import main as cli

CONNECTIONS = 4
ROWS = 1000
BODIES = 100
PATIENCE = 60.0

CONFIG = """\
evaluation_interval: 500ms
state_dir: push-state
windows: [1h, 24h, 7d]
models:
  - name: bench
    task: binary
    reference: reference.json
    predictions:
      source: {type: push}
      fields:
        timestamp: ts
        version: version
        prediction: prediction
        score: score
        latency: {field: latency_ms, unit: ms}
        features: features.*
"""


def bodies() -> list[bytes]:
    """Requests as they go over the wire."""
    lines = (BUILD / "log.ndjson").read_bytes().splitlines(keepends=True)
    made = []
    for first in range(0, ROWS * BODIES, ROWS):
        body = b"".join(lines[first : first + ROWS])
        head = (
            "POST /v1/predictions/bench HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


_RETRY = 0.2
"""Seconds that a sender waits where it is told to; less than the answer asks for."""


def send(port: int, requests_: list[bytes], seconds: float, first: int) -> tuple[int, float]:
    """Send one request after the other for some time; how many were taken, seconds of the slowest one."""
    taken, slowest = 0, 0.0
    end = time.monotonic() + seconds
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (begun := time.monotonic()) < end:
            connection.sendall(requests_[(first + taken) % len(requests_)])
            answer = connection.recv(4096)
            while not answer.endswith(b"}\n"):
                answer += connection.recv(4096)
            if answer.startswith(b"HTTP/1.1 429 "):
                # More was sent than was counted: a sender waits then.
                time.sleep(_RETRY)
                continue
            if not answer.startswith(b"HTTP/1.1 202 "):
                raise RuntimeError(answer.decode(errors="replace"))
            slowest = max(slowest, time.monotonic() - begun)
            taken += 1
    return taken, slowest


def client(port: int, seconds: float, results: "multiprocessing.Queue[tuple[int, float, float]]") -> None:
    """All connections, on threads; tells the requests taken, the slowest one and when it all began."""
    made = bodies()
    begun = time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        parts = [pool.submit(send, port, made, seconds, 25 * number) for number in range(CONNECTIONS)]
        taken, slowest = zip(*(part.result() for part in parts), strict=True)
    results.put((sum(taken), max(slowest), begun))


def run(seconds: float) -> dict[str, float]:
    """Push for some seconds; the figures."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = ["serve", "--config", str(BUILD / "push.yml"), "--web.listen-address", f"127.0.0.1:{port}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "drift_exporter.cli", "--log.level", "warning", *command]
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while not is_ready(url):
            if time.monotonic() > deadline:
                raise TimeoutError("the exporter was not ready")
            time.sleep(0.1)
        name = "drift_exporter_source_records_total"
        cpu = cpu_seconds(process.pid)
        results: multiprocessing.Queue[tuple[int, float, float]] = multiprocessing.Queue()
        sender = multiprocessing.Process(target=client, args=(port, seconds, results))
        sender.start()
        taken, slowest, begun = results.get(timeout=seconds + PATIENCE)
        accepted = time.monotonic() - begun
        while metric(url, name) < taken * ROWS:
            if time.monotonic() > deadline + seconds + PATIENCE:
                raise TimeoutError("not all was counted")
            time.sleep(0.05)
        counted = time.monotonic() - begun
        sender.join()
        return {
            "push_records": taken * ROWS,
            "push_records_per_second_acknowledged": round(taken * ROWS / accepted),
            "push_records_per_second_counted": round(taken * ROWS / counted),
            "push_slowest_answer_milliseconds": round(slowest * 1000),
            "push_exporter_cpu_seconds": round(cpu_seconds(process.pid) - cpu, 2),
            "processors": len(os.sched_getaffinity(0)),
        }
    finally:
        process.terminate()
        process.wait(timeout=30)


def main() -> None:
    """Print the figures, one a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(BUILD / "push-state", ignore_errors=True)
    write_logs(ROWS * BODIES)
    (BUILD / "push.yml").write_text(CONFIG)
    build = ["reference", "build", "--config", str(BUILD / "push.yml"), "--model", "bench"]
    cli([*build, "--input", str(BUILD / "reference.ndjson"), "--output", str(BUILD / "reference.json")])
    print(json.dumps(run(options.seconds), indent=2))


if __name__ == "__main__":
    main()
