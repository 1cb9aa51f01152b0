"""What the overlays tell the exporter, run: records on the volume, and those sent, come to the metrics."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import requests

from support import program
from support.alerting import ROOT
from support.kustomize import build
from support.servers import free_port, until

OVERLAYS = ROOT / "provisioning" / "kubernetes" / "overlays"
RECORDS = 400


@dataclass
class Pod:
    """An exporter as in a pod, with the paths of the container below ``folder``."""

    folder: Path
    url: str = ""

    def inside(self, path: str) -> Path:
        """Where a path of the container lies."""
        return self.folder / path.lstrip("/")

    def write(self, path: str, text: str) -> None:
        """Put a file into it."""
        self.inside(path).parent.mkdir(parents=True, exist_ok=True)
        self.inside(path).write_text(text, encoding="utf-8")

    def metrics(self) -> str:
        """What a scrape gets."""
        return requests.get(f"{self.url}/metrics", timeout=10).text

    @contextmanager
    def running(self, overlay: str) -> Iterator[None]:
        """Run the container's command with its configuration, until the end of the block."""
        resources: list[dict[str, Any]] = build(OVERLAYS / overlay)
        (held,) = (r["data"] for r in resources if r["kind"] == "ConfigMap")
        (pods,) = (r["spec"]["template"]["spec"] for r in resources if r["kind"] == "StatefulSet")
        container = pods["containers"][0]
        mounts = "|".join(re.escape(mount["mountPath"]) for mount in container["volumeMounts"])
        config = re.sub(mounts, lambda path: str(self.inside(path[0])), held["config.yml"])
        config += "evaluation_interval: 200ms\n"
        for name, text in {**held, "config.yml": config}.items():
            self.write(f"/etc/drift-exporter/{name}", text)
        address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{address}"
        arguments = [
            a.replace("/etc/drift-exporter", str(self.inside("/etc/drift-exporter"))).replace(
                ":10101", address
            )
            for a in container["args"]
        ]
        process = program.start(arguments, self.folder / "log")
        try:
            program.until_listening(address)
            yield
        finally:
            process.kill()
            process.wait()


def records() -> str:
    """Records of the model that the reference is of, as NDJSON."""
    rng = np.random.default_rng(3)
    amounts, countries = rng.lognormal(3.5, 1.0, RECORDS), rng.choice(["DE", "FR", "GB", "US"], RECORDS)
    return "".join(
        json.dumps(
            {
                "ts": f"2026-02-01T00:{i // 60:02}:{i % 60:02}Z",
                "id": f"r{i}",
                "version": "1",
                "prediction": int(amounts[i] > 200),
                "score": min(1.0, round(float(amounts[i]) / 1000, 4)),
                "latency_ms": 20.0,
                "features": {"amount": round(float(amounts[i]), 2), "country": str(countries[i])},
            }
        )
        + "\n"
        for i in range(RECORDS)
    )


def judged(pod: Pod) -> bool:
    """Whether all records are counted, and compared with the reference."""
    text = pod.metrics()
    counted = f'model_predictions_total{{model="fraud",version="1"}} {RECORDS}.0' in text
    return counted and 'model_drift_score{column="amount",kind="feature",method="psi"' in text


def test_logs_on_the_volume_are_read_and_judged(tmp_path: Path) -> None:
    pod = Pod(tmp_path)
    pod.write("/var/log/models/fraud/a.ndjson", records())
    with pod.running("files"):
        until(lambda: judged(pod), 60.0)
        assert requests.get(f"{pod.url}/-/ready", timeout=10).status_code == 200
    assert pod.inside("/var/lib/drift-exporter/state.sqlite").is_file()


def test_records_are_taken_from_those_who_have_the_token_and_judged(tmp_path: Path) -> None:
    pod = Pod(tmp_path)
    pod.write("/run/secrets/drift-exporter/push_token", "the-token")
    body, url = records().encode(), "/v1/predictions/fraud"
    headers = {"Content-Type": "application/x-ndjson"}
    with pod.running("push"):
        assert requests.post(pod.url + url, body, headers=headers, timeout=10).status_code == 401
        headers |= {"Authorization": "Bearer the-token"}
        # Sent again, as by a sender that got no answer: each counts once.
        for _ in range(2):
            assert requests.post(pod.url + url, body, headers=headers, timeout=10).status_code == 202
        until(lambda: judged(pod), 60.0)
