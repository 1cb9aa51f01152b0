"""Pushing over real HTTP to a real exporter: what is taken, what is refused and how that is said."""

import base64
import json
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from drift_exporter.expose.app import create_app
from drift_exporter.receive import body as body_module
from drift_exporter.receive.endpoint import make_endpoint
from support.disks import MIB, fill, small_disk
from support.intake import FIELDS, TIMEOUT, Subject, answering, model
from support.pushes import BODIES, LINE, NDJSON, REFUSED, REQUEST_TYPE, STRUCTURED
from support.records import write_config
from support.servers import until
from support.webserver import serving

OPTION = "token_file"


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    folder = tmp_path_factory.mktemp("push")
    (folder / "logs").mkdir()
    (folder / "token").write_text("s3cret\n")
    (folder / "empty").write_text("\n")
    log = model("log") | {"predictions": {"source": {"type": "file", "path": "logs/*"}, "fields": FIELDS}}
    models = [
        model("fraud", request="64KiB"),
        model("locked", **{OPTION: "token"}),
        model("unset", **{OPTION: "missing"}),
        model("blank", **{OPTION: "empty"}),
        model("events", events="all"),
        log,
    ]
    with answering(folder, *models, limits={"line": "4KiB"}) as made:
        yield made


def error_of(answer: requests.Response) -> str:
    assert "application/json" == answer.headers["Content-Type"]
    assert ["error"] == list(answer.json())
    return str(answer.json()["error"])


@pytest.mark.parametrize("form", BODIES)
def test_records_are_taken_in_many_forms(subject: Subject, form: str) -> None:
    body, headers = BODIES[form]
    before = subject.value("drift_exporter_source_records_total", source="fraud/predictions") or 0
    answer = subject.post(body, **headers)
    assert (202, "application/json") == (answer.status_code, answer.headers["Content-Type"])
    assert len(LINE) * 2 + 2 <= answer.json()["accepted_bytes"] <= 2 * len(body) + 100
    subject.counted(int(before) + 2)


def test_an_object_is_one_record_though_it_has_many_lines(subject: Subject) -> None:
    before = subject.value("drift_exporter_source_records_total", source="fraud/predictions") or 0
    answer = subject.post(json.dumps(json.loads(LINE), indent=2).encode(), Content_Type="application/json")
    assert 202 == answer.status_code
    subject.counted(int(before) + 1)


def test_a_body_in_parts_without_a_length_is_taken(subject: Subject) -> None:
    before = subject.value("drift_exporter_source_records_total", source="fraud/predictions") or 0
    parts = iter([LINE[:10], LINE[10:] + b"\n", LINE])
    url = f"{subject.url}/v1/predictions/fraud"
    answer = requests.post(url, data=parts, headers={"Content-Type": NDJSON}, timeout=TIMEOUT)
    assert 202 == answer.status_code
    subject.counted(int(before) + 2)


def test_wrong_lines_go_to_the_dead_letters_and_the_others_count(tmp_path: Path) -> None:
    with answering(tmp_path, model("fraud")) as own:
        assert 202 == own.post(LINE + b"\ngarbage\n[1]\n" + LINE).status_code
        own.counted(2)
        letters = (tmp_path / "state" / "dead-letter" / "fraud.predictions.ndjson").read_text().splitlines()
    place = str(tmp_path / "state" / "spool" / "fraud" / "0000000001.ndjson")
    first = len(LINE) + 1
    found = [(letter["reason"], letter["file"], letter["offset"]) for letter in map(json.loads, letters)]
    assert [("malformed", place, first), ("not_object", place, first + 8)] == found


def test_a_body_of_nothing_but_wrong_lines_is_taken_too(subject: Subject) -> None:
    assert 202 == subject.post(b"garbage").status_code


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_taken_is_told_with_what_would_be(subject: Subject, what: str) -> None:
    name, body, headers, status, why = REFUSED[what]
    answer = subject.post(body, name, **headers)
    assert status == answer.status_code
    assert re.search(why, error_of(answer)), answer.text
    assert ("Bearer" if status == 401 else None) == answer.headers.get("WWW-Authenticate")
    assert ("5" if status == 503 else None) == answer.headers.get("Retry-After")


def test_a_body_without_a_length_is_read_no_further_than_is_allowed(subject: Subject) -> None:
    host, port = subject.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=TIMEOUT) as client:
        client.sendall(
            b"POST /v1/predictions/fraud HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(5):
            client.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        assert b"HTTP/1.1 413 " == client.recv(100)[:13]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_only_post_is_allowed(subject: Subject, method: str) -> None:
    answer = requests.request(method, f"{subject.url}/v1/predictions/fraud", timeout=TIMEOUT)
    assert (405, "POST") == (answer.status_code, answer.headers["Allow"])


def test_a_token_is_asked_for_and_may_change(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one")
    with answering(tmp_path, model("fraud", **{OPTION: "token"})) as own:
        assert 202 == own.post(LINE, Authorization="Bearer one").status_code
        (tmp_path / "token").write_text("two\n")
        assert 401 == own.post(LINE, Authorization="Bearer one").status_code
        assert 202 == own.post(LINE, Authorization="bearer two").status_code
        assert "one" not in requests.get(f"{own.url}/config", timeout=TIMEOUT).text.split("fraud")[0]


def test_answers_are_counted_by_status_code(tmp_path: Path) -> None:
    with answering(tmp_path, model("fraud", request="1KiB")) as own:
        statuses = [own.post(body).status_code for body in (LINE, LINE, b"", b"x" * 2000)]
        statuses.append(own.post(LINE, Content_Type="text/plain").status_code)
        assert [202, 202, 400, 413, 415] == statuses
        name = "drift_exporter_source_requests_total"
        until(lambda: own.value(name, code="415"))
        found = {
            code: own.value(name, code=code, source="fraud/predictions") for code in ("202", "400", "413")
        }
        assert {"202": 2, "400": 1, "413": 1} == found


@pytest.mark.fault("more pushed than is read")
def test_more_than_can_be_read_is_put_off(tmp_path: Path) -> None:
    with answering(tmp_path, model("fraud", request="1KiB", backlog="4KiB"), start=False) as own:
        taken = 0
        while (answer := own.post(LINE * 10)).status_code == 202:
            taken += 1
        assert 429 == answer.status_code
        assert "5" == answer.headers["Retry-After"]
        assert "more was sent than was read" in error_of(answer)
        assert taken == 4096 // (len(LINE) * 10 + 1)
        own.exporter.start()
        until(lambda: own.post(LINE).status_code == 202)


def test_bodies_in_hand_are_bounded(tmp_path: Path) -> None:
    with answering(tmp_path, model("fraud", request="1KiB")) as own, ExitStack() as stack:
        host, port = own.url.removeprefix("http://").split(":")
        head = f"POST /v1/predictions/fraud HTTP/1.1\r\nHost: x\r\nContent-Type: {NDJSON}\r\n"
        clients = []
        for _ in range(4):
            client = stack.enter_context(socket.create_connection((host, int(port)), timeout=TIMEOUT))
            client.sendall(head.encode() + b"Content-Length: 1001\r\n\r\n" + b" " * 1000)
            clients.append(client)
        # An answer that is no success is falsy.
        (answer,) = until(lambda: [answer for answer in [own.post(LINE * 5)] if answer.status_code != 202])
        assert (429, "1") == (answer.status_code, answer.headers["Retry-After"])
        for client in clients:
            client.sendall(b"1")
            assert b"HTTP/1.1 202 " == client.recv(100)[:13]
        assert 202 == own.post(LINE).status_code


def test_a_sender_that_takes_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "BODY_SECONDS", 0.2)
    with answering(tmp_path, model("fraud")) as own:
        host, port = own.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=TIMEOUT) as client:
            head = f"POST /v1/predictions/fraud HTTP/1.1\r\nHost: x\r\nContent-Type: {NDJSON}\r\n"
            client.sendall(f"{head}Content-Length: 100\r\n\r\n".encode() + LINE)
            assert b"HTTP/1.1 408 " == client.recv(100)[:13]


def test_a_sender_that_goes_away_leaves_nothing(tmp_path: Path) -> None:
    with answering(tmp_path, model("fraud")) as own:
        host, port = own.url.removeprefix("http://").split(":")
        intake = own.exporter.intake("fraud/predictions")
        assert intake is not None
        with socket.create_connection((host, int(port)), timeout=TIMEOUT) as client:
            head = f"POST /v1/predictions/fraud HTTP/1.1\r\nHost: x\r\nContent-Type: {NDJSON}\r\n"
            client.sendall(f"{head}Content-Length: 1000\r\n\r\n".encode() + LINE + b"\n")
            until(lambda: intake.source.spool.in_hand)
        until(lambda: not intake.source.spool.in_hand)
        assert not (tmp_path / "state" / "spool").exists()
        assert 202 == own.post(LINE).status_code
        own.counted(1)


@pytest.mark.fault("spool that cannot be written")
def test_a_spool_that_cannot_be_written_is_told_and_works_again(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "spool").write_text("in the way")
    with answering(tmp_path, model("fraud")) as own:
        answer = own.post(LINE)
        assert (503, "5") == (answer.status_code, answer.headers["Retry-After"])
        assert "Not a directory" in error_of(answer)
        until(lambda: own.value("drift_exporter_source_up") == 0)
        (tmp_path / "state" / "spool").unlink()
        until(lambda: own.post(LINE).status_code == 202)
        own.counted(1)
        until(lambda: own.value("drift_exporter_source_up") == 1)


@pytest.mark.fault("disk full while records are pushed")
def test_the_disk_is_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8 * MIB) as disk:
        folder = disk / "state" / "spool" / "fraud"
        with answering(tmp_path, model("fraud"), state_dir="disk/state") as own:
            assert 202 == own.post(LINE).status_code
            own.counted(1)
            ballast = fill(disk)
            body = (LINE + b"\n") * 1000
            answer = own.post(body)
            assert (503, "5") == (answer.status_code, answer.headers["Retry-After"])
            assert "No space left on device" in error_of(answer)
            # The state is on the same disk here.
            until(lambda: "disk is full" in requests.get(own.url, timeout=TIMEOUT).text)
            sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
            assert len(LINE) + 1 == sizes["0000000001.ndjson"]
            ballast.unlink()
            until(lambda: own.post(body).status_code == 202)
            own.counted(1001)
            until(lambda: own.value("drift_exporter_source_up") == 1)


def test_a_reload_goes_on_with_the_spool_and_what_was_not_read(tmp_path: Path) -> None:
    with answering(tmp_path, model("fraud", request="1KiB")) as own:
        assert 202 == own.post(LINE).status_code
        assert 413 == own.post(LINE * 50).status_code
        write_config(tmp_path, [model("fraud", request="2KiB"), model("two")], evaluation_interval="100ms")
        own.exporter.reload()
        assert 202 == own.post((LINE + b"\n") * 30).status_code
        assert 202 == own.post(LINE, "two").status_code
        own.counted(31)
        own.counted(1, "two")
        write_config(tmp_path, [model("two")], evaluation_interval="100ms")
        own.exporter.reload()
        assert 404 == own.post(LINE).status_code
        assert 1 == len(list((tmp_path / "state" / "spool" / "fraud").iterdir()))
        assert 202 == own.post(LINE, "two").status_code
        own.counted(2, "two")


def test_what_was_acknowledged_before_a_start_is_read_after_it(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "spool" / "fraud"
    folder.mkdir(parents=True)
    (folder / "0000000003.ndjson").write_bytes(LINE + b"\n" + LINE[:-9])
    with answering(tmp_path, model("fraud")) as own:
        own.counted(1)
    with answering(tmp_path, model("fraud")) as own:
        assert 202 == own.post(LINE).status_code
        own.counted(2)


def test_structured_events_may_hold_their_data_as_json_text_or_base64(tmp_path: Path) -> None:
    data = {"instances": [[1, 2]]}
    forms: list[dict[str, Any]] = [
        {"data": data},
        {"data": json.dumps(data)},
        {"data_base64": base64.b64encode(json.dumps(data).encode()).decode()},
    ]
    events = [{"id": str(number), "type": REQUEST_TYPE} | form for number, form in enumerate(forms)]
    with answering(tmp_path, model("fraud", events="request")) as own:
        for event in events:
            assert 202 == own.post(json.dumps(event).encode(), Content_Type=STRUCTURED).status_code
        batch = json.dumps(events).encode()
        assert 202 == own.post(batch, Content_Type="application/cloudevents-batch+json").status_code
        own.counted(6)


def test_something_unforeseen_is_an_answer_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(tmp_path, model("fraud")) as own:

        def broken(_: str) -> None:
            raise RuntimeError("broken")

        monkeypatch.setattr(own.exporter, "intake", broken)
        app: Callable[..., Any] = create_app(
            current=own.exporter.current,
            not_ready=own.exporter.not_ready,
            config=str,
            predictions=make_endpoint(broken),
        )
        with serving(app) as url:
            answer = requests.post(f"{url}/v1/predictions/fraud", data=LINE, timeout=TIMEOUT)
        assert (500, "this went wrong; the log says why") == (answer.status_code, error_of(answer))


def test_a_spool_that_was_deleted_between_two_starts_begins_anew(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "spool" / "fraud"
    with answering(tmp_path, model("fraud")) as own:
        assert 202 == own.post(LINE).status_code
        own.counted(1)
        # Nobody else may read what was sent.
        assert 0 == (folder / "0000000001.ndjson").stat().st_mode & 0o027
    shutil.rmtree(tmp_path / "state" / "spool")
    with answering(tmp_path, model("fraud")) as own:
        assert 202 == own.post(LINE).status_code
        own.counted(2)
    assert ["0000000002.ndjson"] == [path.name for path in folder.iterdir()]
