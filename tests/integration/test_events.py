"""Events as model servers' loggers send them give the metrics that the same predictions give in a log.

The shapes are those of KServe's logger (its ``pkg/logger``, with the output that its documentation shows) and
of MLServer and Seldon (headers and bodies as their message dumpers printed them).
"""

import json
import math
import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from drift_exporter.once import run_once
from drift_exporter.reference.store import save_reference
from support.intake import TIMEOUT, Subject, answering
from support.records import usual_reference, write_config
from support.servers import until
from support.tally import Key, key, parse, show

Json = dict[str, Any]
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KSERVE, SELDON = "org.kubeflow.serving.inference", "io.seldon.serving.inference"
COUNTRIES = ["a", "b", "é", "1", "zz"]


@dataclass(frozen=True)
class Call:
    """One request to a model and its answer; ``rows`` are (amount, country, probability of yes)."""

    id: str
    start: datetime
    latency: timedelta
    rows: list[tuple[float, str, float]]

    def labels(self) -> list[str]:
        """What the model says of each row."""
        return ["yes" if chance > 0.5 else "no" for _, _, chance in self.rows]


def calls(count: int = 70) -> list[Call]:
    """Made-up calls, in the order of their time."""
    chance = random.Random(1)  # noqa: S311, no secret
    return [
        Call(
            str(uuid.UUID(int=chance.getrandbits(128))),
            START + timedelta(seconds=20 * number),
            timedelta(microseconds=chance.randrange(1000, 400_000)),
            [
                (round(chance.uniform(-20, 120), 3), chance.choice(COUNTRIES), round(chance.random(), 4))
                for _ in range(chance.randrange(1, 4))
            ],
        )
        for number in range(count)
    ]


@dataclass(frozen=True)
class Event:
    """One half of a call as a logger hands it on: attributes, the content type of the call, the body."""

    attributes: Mapping[str, str]
    content_type: str
    body: Json


def kserve(call: Call, kind: str, body: Json, content_type: str) -> Event:
    """Attributes as KServe's logger sets them."""
    time = call.start if kind == "request" else call.start + call.latency
    attributes = {
        "specversion": "1.0",
        "type": f"{KSERVE}.{kind}",
        "source": "http://localhost:9081/",
        "id": call.id,
        "time": time.strftime("%Y-%m-%dT%H:%M:%S.%f") + "782Z",
        "component": "predictor",
        "endpoint": "",
        "inferenceservicename": "fraud",
        "namespace": "default",
        "metadata": "{}",
        "traceparent": f"00-{call.id.replace('-', '')}-c78b57bf5baf7151-00",
    }
    return Event(attributes, content_type, body)


def kserve_v1(call: Call) -> tuple[Event, Event]:
    """As ``curl -d`` calls a scikit-learn model: the logger hands on curl's content type."""
    request = {"instances": [[amount, country] for amount, country, _ in call.rows]}
    form = "application/x-www-form-urlencoded"
    return kserve(call, "request", request, form), kserve(
        call, "response", {"predictions": call.labels()}, form
    )


def v2_bodies(call: Call) -> tuple[Json, Json]:
    rows = len(call.rows)
    inputs = [
        {"name": "amount", "shape": [rows, 1], "datatype": "FP64", "data": [[row[0]] for row in call.rows]},
        {"name": "country", "shape": [rows], "datatype": "BYTES", "data": [row[1] for row in call.rows]},
    ]
    chances = [chance for _, _, yes in call.rows for chance in (1 - yes, yes)]
    outputs = [
        {"name": "predict", "shape": [rows, 1], "datatype": "BYTES", "data": call.labels()},
        {"name": "predict_proba", "shape": [rows, 2], "datatype": "FP64", "data": chances},
    ]
    request = {"id": call.id, "parameters": None, "inputs": inputs, "outputs": None}
    response = {
        "id": call.id,
        "model_name": "fraud",
        "model_version": "v1",
        "parameters": {},
        "outputs": outputs,
    }
    return request, response


def kserve_v2(call: Call) -> tuple[Event, Event]:
    """As a client of the V2 protocol calls any server of KServe's."""
    request, response = v2_bodies(call)
    json_type = "application/json"
    return kserve(call, "request", request, json_type), kserve(call, "response", response, json_type)


def mlserver(call: Call) -> tuple[Event, Event]:
    """As MLServer names its events: of version 0.3, without a time."""
    request, response = v2_bodies(call)

    def event(kind: str, body: Json) -> Event:
        unknown = "NOTIMPLEMENTED"
        attributes = {
            "id": call.id,
            "specversion": "0.3",
            "source": f"io.seldon.serving.deployment.{unknown}.{unknown}",
            "type": f"{SELDON}.{kind}",
            "requestid": call.id,
            "modelid": unknown,
            "inferenceservicename": unknown,
            "namespace": unknown,
            "endpoint": unknown,
        }
        return Event(attributes, "application/json", body)

    return event("request", request), event("response", response)


def seldon(call: Call) -> tuple[Event, Event]:
    """As Seldon Core's executor sends them: each event has an id of its own."""
    array = [[amount, country] for amount, country, _ in call.rows]
    request = {"data": {"names": ["amount", "country"], "ndarray": array}}
    response = {"data": {"names": [], "ndarray": call.labels()}, "meta": {}}
    halves = []
    for number, (kind, body) in enumerate((("request", request), ("response", response))):
        half = kserve(call, kind, body, "application/json")
        own = {"type": f"{SELDON}.{kind}", "requestid": call.id, "id": f"{call.id}-{number}"}
        halves.append(Event({**half.attributes, **own}, half.content_type, body))
    return halves[0], halves[1]


def binary(event: Event) -> tuple[dict[str, str], bytes]:
    headers = {f"Ce-{name.capitalize()}": value for name, value in event.attributes.items()}
    return headers | {"Content-Type": event.content_type}, json.dumps(event.body).encode()


def structured(event: Event) -> tuple[dict[str, str], bytes]:
    content = {**event.attributes, "datacontenttype": "application/json", "data": event.body}
    return {"Content-Type": "application/cloudevents+json; charset=utf-8"}, json.dumps(content).encode()


Mode = Callable[[Event], tuple[dict[str, str], bytes]]
Logger = Callable[[Call], tuple[Event, Event]]

FEATURES = {"amount": "inputs.amount", "country": "inputs.country"}
V1 = {"prediction": "outputs.prediction"}
V2 = {"prediction": "outputs.predict", "score": "outputs.predict_proba_max", "version": "version"}
LOGGERS: dict[str, tuple[Logger, dict[str, Any], dict[str, Any]]] = {
    "KServe V1": (kserve_v1, V1, {"features": ["amount", "country"]}),
    "KServe V2": (kserve_v2, V2, {}),
    "MLServer": (mlserver, V2, {}),
    "Seldon": (seldon, V1, {}),
}
TIMES = {
    "model_last_prediction_timestamp_seconds",
    "model_window_end_timestamp_seconds",
    "drift_exporter_source_watermark_timestamp_seconds",
}


def configure(folder: Path, source: Json, fields: Json) -> list[Json]:
    save_reference(usual_reference(), folder / "reference.json")
    predictions = {"source": source, "fields": fields}
    return [{"name": "fraud", "task": "binary", "reference": "reference.json", "predictions": predictions}]


def in_a_log(folder: Path, made: list[Call], fields: Json, *, times: bool) -> dict[Key, float]:
    """What ``once`` prints of the same predictions as a server might log them, a line each."""
    lines = []
    for call in made:
        for (amount, country, chance), label in zip(call.rows, call.labels(), strict=True):
            line = {
                "amount": amount,
                "country": country,
                "label": label,
                "ms": call.latency.total_seconds() * 1e3,
            }
            line |= {"score": max(chance, 1 - chance), "v": "v1", "ts": call.start.isoformat()}
            lines.append(json.dumps(line))
    (folder / "log.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")
    mine: Json = {"prediction": "label", "features": {"amount": "amount", "country": "country"}}
    mine |= {role: name for role, name in (("score", "score"), ("version", "v")) if role in fields}
    if times:
        mine |= {"timestamp": "ts", "latency": {"field": "ms", "unit": "ms"}}
    config = write_config(folder, configure(folder, {"type": "file", "path": "log.ndjson"}, mine))
    metrics, problems = run_once(config)
    assert [] == problems
    return parse(metrics.decode())[0]


def compared(series: dict[Key, float], *, times: bool) -> dict[Key, float]:
    """What is told of the model."""
    left_out = set() if times else TIMES
    return {
        one: value for one, value in series.items() if one[0].startswith("model_") and one[0] not in left_out
    }


def order(halves: list[tuple[Event, Event]]) -> Iterator[Event]:
    """Most responses soon after their request, some before, some much later."""
    late: list[Event] = []
    for number, (request, response) in enumerate(halves):
        if number % 7 == 3:
            yield from (response, request)
        elif number % 5 == 2:
            yield request
            late.append(response)
        else:
            yield from (request, response)
    yield from late


def send(subject: Subject, sent: tuple[dict[str, str], bytes], session: requests.Session) -> None:
    headers, body = sent
    answer = session.post(f"{subject.url}/v1/predictions/fraud", data=body, headers=headers, timeout=TIMEOUT)
    assert 202 == answer.status_code, answer.text


@pytest.mark.parametrize("mode", [binary, structured])
@pytest.mark.parametrize("server", LOGGERS)
def test_events_give_the_metrics_of_the_same_predictions_in_a_log(
    tmp_path: Path, server: str, mode: Mode
) -> None:
    logger, told, options = LOGGERS[server]
    times = server != "MLServer"
    fields: Json = {**told, "features": {"amount": "inputs.amount", "country": "inputs.country"}, "id": "id"}
    if times:
        fields |= {"timestamp": "time", "latency": "latency", "trace_id": "trace_id"}
    made = calls()
    records = sum(len(call.rows) for call in made)
    (tmp_path / "log").mkdir()
    expected = compared(in_a_log(tmp_path / "log", made, fields, times=times), times=times)
    assert len([one for one in expected if one[0] == "model_drift_score"]) > 10

    models = configure(tmp_path, {"type": "push", "events": "all", **options}, fields)
    with answering(tmp_path, *models) as subject, requests.Session() as session:
        for event in order([logger(call) for call in made]):
            send(subject, mode(event), session)
        subject.counted(records)
        actual = compared(settled(subject), times=times)
    assert {show(one) for one in expected} == {show(one) for one in actual}
    differing = {
        show(one): (value, actual[one])
        for one, value in expected.items()
        if not math.isclose(value, actual[one], rel_tol=1e-9)
    }
    assert {} == differing


def settled(subject: Subject) -> dict[Key, float]:
    """A scrape in which nothing waits any more."""
    lag = key("drift_exporter_source_lag_bytes", source="fraud/predictions")

    def scraped() -> dict[Key, float] | None:
        series, _ = parse(requests.get(f"{subject.url}/metrics", timeout=TIMEOUT).text)
        return series if series[lag] == 0 else None

    return until(scraped)


USUAL = {
    "prediction": "outputs.prediction",
    "features": {"amount": "inputs.amount", "country": "inputs.country"},
}
NAMES = {"features": ["amount", "country"]}


def test_what_stays_alone_is_told(tmp_path: Path) -> None:
    source = {"type": "push", "events": "all", "pair_within": "1s", **NAMES}
    halves = [kserve_v1(call) for call in calls(3)]
    with answering(tmp_path, *configure(tmp_path, source, USUAL)) as subject, requests.Session() as session:
        for event in (halves[0][0], halves[1][1], *halves[2]):
            send(subject, binary(event), session)
        name = "drift_exporter_source_unpaired_events_total"
        until(lambda: [subject.value(name, event=event) for event in ("request", "response")] == [1, 1])
        subject.counted(len(calls(3)[2].rows))


def test_a_pair_that_cannot_be_read_goes_to_the_dead_letters(tmp_path: Path) -> None:
    models = configure(tmp_path, {"type": "push", "events": "all", **NAMES}, USUAL)
    call = calls(1)[0]
    request, _ = kserve_v1(call)
    response = kserve(call, "response", {"predictions": ["yes"] * 9}, "application/json")
    with answering(tmp_path, *models) as subject, requests.Session() as session:
        send(subject, binary(request), session)
        send(subject, binary(response), session)
        until(lambda: subject.value("drift_exporter_source_rejected_total", reason="malformed") == 1)
    (letter,) = (tmp_path / "state" / "dead-letter" / "fraud.predictions.ndjson").read_text().splitlines()
    found = json.loads(letter)
    assert f"the body of the request has {len(call.rows)} records, that of the response 9" == found["detail"]
    spooled = (tmp_path / "state" / "spool" / "fraud" / "0000000001.events").read_bytes()
    assert found["raw"].encode() == spooled[found["offset"] :].splitlines()[0]


@pytest.mark.parametrize("events", ["request", "response"])
def test_a_logger_of_one_kind_only(tmp_path: Path, events: str) -> None:
    made = calls(20)
    fields: Json = {"timestamp": "time", "prediction": "outputs.prediction"}
    if events == "request":
        fields = {"timestamp": "time", "features": "inputs.*"}
    source = {"type": "push", "events": events}
    models = [{"name": "fraud", "task": "binary", "predictions": {"source": source, "fields": fields}}]
    with answering(tmp_path, *models) as subject, requests.Session() as session:
        for call in made:
            send(subject, binary(kserve_v1(call)[events == "response"]), session)
        subject.counted(sum(len(call.rows) for call in made))
        assert subject.value("drift_exporter_source_unpaired_events_total") is None
