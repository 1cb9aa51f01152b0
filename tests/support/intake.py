"""An exporter in this process behind a real server, to push to."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

from drift_exporter.expose.app import create_app
from drift_exporter.receive.endpoint import make_endpoint
from drift_exporter.serve import Exporter
from support.pushes import NDJSON
from support.records import write_config
from support.servers import until
from support.webserver import serving

TIMEOUT = 30
FIELDS = {"timestamp": "ts", "prediction": "prediction"}


def model(name: str, **source: Any) -> dict[str, Any]:  # noqa: ANN401
    fields = {"timestamp": "time"} if "events" in source else FIELDS
    return {
        "name": name,
        "task": "binary",
        "predictions": {"source": {"type": "push", **source}, "fields": fields},
    }


@dataclass
class Subject:
    """An exporter that answers; it reads once it is started."""

    exporter: Exporter
    url: str

    def post(self, body: bytes, name: str = "fraud", **headers: str) -> requests.Response:
        """Push a body; headers are named with _ for -."""
        named = {"Content-Type": NDJSON} | {key.replace("_", "-"): value for key, value in headers.items()}
        return requests.post(f"{self.url}/v1/predictions/{name}", data=body, headers=named, timeout=TIMEOUT)

    def value(self, name: str, **labels: str) -> float | None:
        """A series' value as it is exposed now."""
        text = requests.get(f"{self.url}/metrics", timeout=TIMEOUT).text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return sample.value
        return None

    def counted(self, records: int, name: str = "fraud") -> None:
        """Wait until so many records are counted."""
        what = f"{records} records of {name}"
        metric = "drift_exporter_source_records_total"
        until(lambda: self.value(metric, source=f"{name}/predictions") == records, what=what)


@contextmanager
def answering(
    folder: Path,
    *models: Mapping[str, Any],
    start: bool = True,
    **options: Any,  # noqa: ANN401
) -> Iterator[Subject]:
    """An exporter of these models behind a real server."""
    exporter = Exporter(write_config(folder, models, evaluation_interval="100ms", **options))
    app = create_app(
        current=exporter.current,
        not_ready=exporter.not_ready,
        config=exporter.config_text,
        predictions=make_endpoint(exporter.intake),
    )
    with ExitStack() as stack:
        stack.callback(exporter.stop)
        url = stack.enter_context(serving(app))
        if start:
            exporter.start()
        yield Subject(exporter, url)
