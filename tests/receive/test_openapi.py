"""The description of the push API is true: schemathesis finds nothing in the answers of a real exporter.

The description says what any model may take. A model takes either records or events, so each is tried with
what the description says about its kind.
"""

import contextlib
import copy
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from drift_exporter.receive import endpoint
from drift_exporter.receive.endpoint import PREFIXES
from support import program
from support.program import Process
from support.records import write_config
from support.servers import free_port, until

Description = dict[str, Any]
DESCRIPTION: Description = yaml.safe_load(endpoint.description())
PATH = "/v1/predictions/{model}"
LABELS = "/v1/labels/{model}"
PROGRAM = Path(sys.executable).with_name("schemathesis")


def narrowed(operation: Description, *, events: bool) -> None:
    """Leave what is said about models that take events, or about those that take records."""
    content = operation["requestBody"]["content"]
    operation["requestBody"]["content"] = {
        kind: said for kind, said in content.items() if ("cloudevents" in kind) == events
    }
    operation["parameters"] = []


def records(operation: Description) -> None:
    narrowed(operation, events=False)
    # An example cannot be sent beside bodies that are made by a hook.
    del operation["requestBody"]["content"]["application/x-ndjson"]["examples"]


def structured(operation: Description) -> None:
    narrowed(operation, events=True)


def binary(operation: Description) -> None:
    for parameter in operation["parameters"]:
        parameter["required"] = parameter["name"] != "Ce-Time"
    operation["requestBody"]["content"] = {"application/json": {"schema": {"type": "object"}}}


def locked(operation: Description) -> None:
    records(operation)
    operation["security"] = [{"bearer": []}]


def configure(folder: Path) -> Path:
    """A model for each kind of what may be pushed."""
    (folder / "token").write_text("s3cret")
    sources: dict[str, dict[str, str]] = {
        "records": {},
        "events": {"events": "all"},
        "locked": {"token_file": "token"},
    }
    models = [
        {
            "name": name,
            "task": "binary",
            "predictions": {"source": {"type": "push", **options}, "fields": {"timestamp": "ts"}},
        }
        for name, options in sources.items()
    ]
    fields = {"timestamp": "ts", "id": "request_id", "prediction": "prediction"}
    models.append(
        {
            "name": "labelled",
            "task": "binary",
            "predictions": {"source": {"type": "push"}, "fields": fields},
            "labels": {"source": {"type": "push"}, "fields": {"id": "request_id", "label": "label"}},
        }
    )
    return write_config(folder, models, evaluation_interval="100ms")


@contextlib.contextmanager
def serving(folder: Path, start: Callable[[list[str], Path], Process] = program.start) -> Iterator[str]:
    """The URL of an exporter, which must not end by itself nor say anything of a fault."""
    address = f"127.0.0.1:{free_port()}"
    process = start(program.serve(configure(folder), address), folder / "log")
    url = f"http://{address}"
    try:
        until(lambda: is_ready(process, url))
        yield url
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in (folder / "log").read_text()


def is_ready(process: Process, url: str) -> bool:
    assert process.poll() is None, "the exporter ended by itself"
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{url}/-/ready", timeout=10).ok
    return False


@pytest.mark.parametrize(
    ("path", "model", "narrow", "examples"),
    [
        (PATH, "records", records, 30),
        (PATH, "events", structured, 30),
        (PATH, "events", binary, 20),
        (PATH, "locked", locked, 20),
        (LABELS, "labelled", records, 20),
    ],
)
def test_the_answers_are_as_described(
    tmp_path: Path, path: str, model: str, narrow: Callable[[Description], None], examples: int
) -> None:
    description = copy.deepcopy(DESCRIPTION)
    description["paths"] = {path: description["paths"][path]}
    narrow(description["paths"][path]["post"])
    (tmp_path / "openapi.json").write_text(json.dumps(description))
    hooks = Path(__file__).with_name("openapi_hooks.py")
    (tmp_path / "schemathesis.toml").write_text(
        f'hooks = "{hooks}"\nparameters = {{ "path.model" = "{model}" }}\n'
    )
    options = ["--phases", "examples,coverage,fuzzing", "--max-examples", str(examples)]
    if model == "locked":
        options += ["-H", "Authorization: Bearer s3cret"]
    with serving(tmp_path) as url:
        result = subprocess.run(
            [PROGRAM, "run", "openapi.json", "--url", url, "--generation-deterministic", *options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert 0 == result.returncode, result.stdout[-6000:] + result.stderr[-2000:]
        taken = requests.get(f"{url}/metrics", timeout=10).text
        role = "labels" if path == LABELS else "predictions"
        assert f'requests_total{{code="202",source="{model}/{role}"}}' in taken


def test_it_is_served_and_its_examples_are_taken(tmp_path: Path) -> None:
    with serving(tmp_path, program.start_command) as url:
        assert DESCRIPTION == yaml.safe_load(requests.get(f"{url}/v1/openapi.yaml", timeout=10).content)
        for path, model in ((PATH, "records"), (LABELS, "labelled")):
            content = DESCRIPTION["paths"][path]["post"]["requestBody"]["content"]
            for kind in ("application/x-ndjson", "application/json"):
                for example in content[kind]["examples"].values():
                    body = example["value"] if kind.endswith("ndjson") else json.dumps(example["value"])
                    target, headers = url + path.format(model=model), {"Content-Type": kind}
                    answer = requests.post(target, data=body, headers=headers, timeout=10)
                    assert 202 == answer.status_code, answer.text


def test_the_description_is_of_the_paths_that_are_served() -> None:
    assert [prefix + "{model}" for prefix in PREFIXES.values()] == list(DESCRIPTION["paths"])
    for path in (PATH, LABELS):
        assert ["parameters", "post"] == list(DESCRIPTION["paths"][path])
