"""What scoring each record costs (part of ``make bench``): ingestion with a detector, as a ratio to without.

The log of bench.py: NDJSON, 16 numbers and 4 categories a record, 20 records for each second of event time.
CPU seconds, user and system, of reading, parsing, counting and scoring, without the start and the fit of the
detector; the smallest of several processes. Peak memory is that of the whole process.

Run it: python benchmarks/anomaly_ingestion.py [--records 1000000] [--runs 3] [--detectors hbos,ecod,iforest].
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import yaml

import bench
from drift_exporter.config import load_config
from drift_exporter.setting_up import make_model

LIMITED = 2
"""Records for each second of event time, a tenth of those that there are."""


def read(detector: str | None, rate: int) -> tuple[float, float]:
    """CPU seconds of reading the log with one detector, or none, and this process's peak memory (MiB)."""
    config = yaml.safe_load(bench.CONFIG.format(log="log.ndjson"))
    if detector is not None:
        config["models"][0]["anomaly"] = {"detector": detector, "rate": rate}
    path = bench.BUILD / "anomalies.yml"
    path.write_text(yaml.safe_dump(config))
    loaded = load_config(path)
    model = make_model(loaded.models[0], loaded, final=True)
    begun = time.process_time()
    model.read()
    cpu = time.process_time() - begun
    model.close()
    return cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cost(runs: int, detector: str | None = None, rate: int = 10_000) -> tuple[float, float]:
    """The same in processes of their own: the smallest."""
    arguments = [] if detector is None else ["--detectors", detector, "--rate", str(rate)]
    command = [sys.executable, __file__, "--read", *arguments]
    found = [json.loads(subprocess.run(command, check=True, stdout=-1).stdout) for _ in range(runs)]
    return min(cpu for cpu, _ in found), min(memory for _, memory in found)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--detectors")
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--read", action="store_true", help="only read the log with that detector")
    options = parser.parse_args()
    if options.read:
        print(json.dumps(read(options.detectors, options.rate)))
        return
    bench.BUILD.mkdir(parents=True, exist_ok=True)
    # In a process of its own: a child's peak memory starts at that of its parent.
    generate = [sys.executable, bench.__file__, "--generate", "--records", str(options.records)]
    subprocess.run(generate, check=True)
    plain, memory = cost(options.runs)
    figures: dict[str, float] = {"without_cpu_seconds": round(plain, 2), "without_memory_mib": round(memory)}
    for detector in (options.detectors or "hbos,ecod,iforest").split(","):
        for name, rate in ((detector, 10_000), (f"{detector}_a_tenth_scored", LIMITED)):
            cpu, memory = cost(options.runs, detector, rate)
            figures |= {f"{name}_cpu_ratio": round(cpu / plain, 2), f"{name}_memory_mib": round(memory)}
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
