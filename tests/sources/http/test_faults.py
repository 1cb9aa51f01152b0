"""What can go wrong between us and a server: it is told, counted and tried again, and no record is lost."""

import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from drift_exporter.errors import StateError
from drift_exporter.sources.http.options import Way
from drift_exporter.sources.source import SourceState
from support.asking import NOON, PATIENCE, Reading, lines, numbers_of
from support.origin import Asked, Origin, Reply, origin

CURSOR = Way("cursor", "cursor", header="X-Next-Cursor")


@pytest.fixture
def server() -> Iterator[Origin]:
    with origin(lambda _: Reply(lines(1, 2))) as running:
        yield running


@pytest.mark.fault("server overloaded")
def test_a_server_in_trouble_is_asked_again_later_and_later(server: Origin) -> None:
    server.answer = lambda _: Reply(status=503)
    reading = Reading(server.url)
    reading.look()
    waits = []
    for _ in range(9):
        before = len(server.asked)
        started = reading.now
        while len(server.asked) == before:
            reading.later(1)
        waits.append(reading.now - started)
    assert [1, 2, 4, 8, 16, 32, 60, 60, 60] == waits
    assert f"{server.url}: the server answers 503 Service Unavailable" == reading.source.problem
    assert {"503": 10} == reading.requests
    server.answer = lambda _: Reply(lines(1))
    assert [1] == reading.later(60)
    assert reading.source.problem is None


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("value", ["100", formatdate(NOON + 100, usegmt=True)])
def test_a_server_may_say_when_it_wants_to_be_asked_again(server: Origin, status: int, value: str) -> None:
    server.answer = lambda _: Reply(status=status, headers={"Retry-After": value})
    reading = Reading(server.url)
    reading.look()
    reading.later(99)
    assert 1 == len(server.asked)
    server.answer = lambda _: Reply(lines(1))
    assert [1] == reading.later(1)


@pytest.mark.parametrize("value", ["soon", "-5", "", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_what_is_no_time_to_come_is_not_waited_for(server: Origin, value: str) -> None:
    server.answer = lambda _: Reply(status=429, headers={"Retry-After": value})
    reading = Reading(server.url)
    reading.look()
    reading.later(1)
    assert {"429": 2} == reading.requests


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (400, "check cursor, since and parameters"),
        (401, "check the files of header_files"),
        (403, "check the files of header_files, and what they give access to"),
        (404, "check url"),
        (410, "state reset makes it begin anew"),
    ],
)
def test_a_refusal_is_told_with_what_to_check_and_tried_again_slowly(
    server: Origin, status: int, hint: str
) -> None:
    said = Reply(b'{"error":\n"no such thing"}', status, {"Content-Type": "application/json"})
    server.answer = lambda _: said
    reading = Reading(server.url)
    reading.look()
    assert hint in str(reading.source.problem)
    assert f"{status}" in str(reading.source.problem)
    assert '({"error": "no such thing"})' in str(reading.source.problem)
    reading.later(59)
    assert 1 == len(server.asked)
    server.answer = lambda _: Reply(lines(1))
    assert [1] == reading.later(1)
    assert {str(status): 1, "200": 1} == reading.requests


@pytest.mark.fault("server gone and back")
def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    reading = Reading(f"http://127.0.0.1:{port}")
    reading.look()
    problem = f"http://127.0.0.1:{port}: the connection failed: Connection refused"
    assert problem == reading.source.problem
    assert {"connection": 1} == reading.requests
    with origin(lambda _: Reply(lines(1)), port=port):
        assert [1] == reading.later(1)


@pytest.mark.fault("server does not answer")
def test_a_server_that_does_not_answer_keeps_nobody_waiting() -> None:
    held = threading.Event()
    with origin(lambda _: Reply(lines(1), held=held)) as server:
        reading = Reading(server.url, server={"timeout": 0.3})
        # Ends though there is no answer yet.
        assert [] == list(reading.source.poll())
        reading.look()
        assert "not a byte within 0.3 s" in str(reading.source.problem)
        assert {"timeout": 1} == reading.requests
        held.set()
        assert [1] == reading.later(1)


def test_what_has_arrived_of_a_slow_answer_counts_meanwhile_and_the_rest_when_it_comes() -> None:
    stalled = threading.Event()
    body = lines(*range(20_000))
    with origin(lambda _: Reply(body, cut=200_000, stalled=stalled)) as server:
        reading = Reading(server.url)
        end = time.monotonic() + PATIENCE
        found: list[int] = []
        while len(found) < 10_000 and time.monotonic() < end:
            for chunk in reading.source.poll():
                found += numbers_of(chunk)
        assert 10_000 <= len(found) < 20_000
        stalled.set()
        assert list(range(20_000)) == found + reading.look()


def test_a_slow_json_page_keeps_no_other_waiting() -> None:
    stalled = threading.Event()
    body = json.dumps([{"number": number} for number in range(20_000)]).encode()
    with (
        origin(lambda _: Reply(body, cut=200_000, stalled=stalled)) as slow,
        origin(lambda _: Reply(b'[{"number": 1}]')) as quick,
    ):
        waiting = Reading(slow.url, format="json")
        assert [] == list(waiting.source.poll())
        assert [1] == Reading(quick.url, format="json").look()
        stalled.set()
        assert 20_000 == len(waiting.look())


def test_a_source_is_closed_at_once_while_its_server_does_not_answer() -> None:
    held = threading.Event()
    with origin(lambda _: Reply(lines(1), held=held)) as server:
        reading = Reading(server.url, server={"timeout": 600.0})
        assert [] == list(reading.source.poll())
        reading.source.close()
        assert reading.source.resting
        held.set()


@pytest.mark.fault("answer broken off")
@pytest.mark.parametrize("cut", [0, 1, 100_000, 250_000])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_connection_that_breaks_in_the_middle_costs_nothing(
    server: Origin, cut: int, *, chunked: bool
) -> None:
    body = lines(*range(20_000))
    if chunked:
        parts = [body[start : start + 5000] for start in range(0, len(body), 5000)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    headers = {"Transfer-Encoding": "chunked"} if chunked else {}
    cuts: list[int | None] = [cut, cut, None]

    def answer(_: Asked) -> Reply:
        return Reply(body, headers=headers, cut=cuts.pop(0) if len(cuts) > 1 else None)

    server.answer = answer
    reading = Reading(server.url)
    reading.look()
    assert reading.source.problem is not None
    assert {"connection": 1} == reading.requests
    reading.later(60)
    reading.save()
    reading.restart()
    reading.later(60)
    assert list(range(20_000)) == reading.counted
    assert {"connection": 2, "200": 1} == reading.requests


def test_redirects_are_followed_on_the_same_host_and_counted(server: Origin) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.path == "/new":
            return Reply(lines(1))
        return Reply(status=307, headers={"Location": "/new"})

    server.answer = answer
    reading = Reading(server.url + "/old")
    assert [1] == reading.look()
    assert {"307": 1, "200": 1} == reading.requests


@pytest.mark.fault("redirect to another host")
def test_redirects_elsewhere_are_refused_for_they_would_take_the_secrets_along(
    server: Origin, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("Bearer hush\n")
    secret = {"header_files": {"Authorization": str(tmp_path / "token")}}
    with origin(lambda _: Reply(lines(1))) as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        server.answer = lambda _: Reply(status=302, headers={"Location": elsewhere})
        reading = Reading(server.url, server=secret)
        reading.look()
        assert "add it to hosts if it may have the same headers" in str(reading.source.problem)
        assert [] == other.asked
        trusting = Reading(server.url, server={**secret, "hosts": ("localhost",)})
        assert [1] == trusting.look()
        assert "Bearer hush" == other.asked[0].headers["authorization"]


def test_redirects_in_a_circle_end(server: Origin) -> None:
    server.answer = lambda _: Reply(status=302, headers={"Location": "/again"})
    reading = Reading(server.url)
    reading.look()
    assert "more than 5 redirects" in str(reading.source.problem)
    assert {"302": 6} == reading.requests


@pytest.mark.fault("secret refused")
def test_secrets_are_read_from_their_files_for_each_request(server: Origin, tmp_path: Path) -> None:
    token = tmp_path / "token"
    server.answer = lambda asked: Reply(
        lines(1), 200 if asked.headers.get("authorization") == "Bearer b" else 401
    )
    reading = Reading(server.url, server={"header_files": {"Authorization": str(token)}})
    reading.look()
    assert f"the file of header Authorization, {token}, cannot be read" in str(reading.source.problem)
    assert {} == reading.requests
    for text, wrong in (("", "is empty"), ("a\nb", "holds more than one line")):
        token.write_text(text)
        reading.later(60)
        assert wrong in str(reading.source.problem)
    token.write_text("Bearer a")
    reading.later(60)
    assert "check the files of header_files" in str(reading.source.problem)
    token.write_text("Bearer b\n")
    assert [1] == reading.later(60)


def test_a_netrc_file_does_not_take_the_place_of_a_header(
    server: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password lovelace\n")
    (tmp_path / "netrc").chmod(0o600)
    (tmp_path / "token").write_text("Bearer a")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    reading = Reading(server.url, server={"header_files": {"Authorization": str(tmp_path / "token")}})
    reading.look()
    assert "Bearer a" == server.asked[0].headers["authorization"]


def test_a_page_for_people_is_no_record(server: Origin) -> None:
    server.answer = lambda _: Reply(
        b"<html>Log in</html>", headers={"Content-Type": "text/html; charset=utf-8"}
    )
    reading = Reading(server.url)
    assert [] == reading.look()
    assert "a page for people (text/html)" in str(reading.source.problem)
    assert [] == reading.rejections


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"items": [{"number": 1}, {"num', "it is no JSON array or object"),
        (b"", "it is no JSON array or object"),
        (b"[1]]", "it is no JSON array or object"),
        (b"[1][2]", "it is no JSON array or object"),
        (b'{"rows": [], "total": 0}', "it holds no items; at its top are: rows, total"),
        (b"[]", "it holds no items; at its top are: no fields"),
        (b'{"items": {"a": 1}}', "items is not an array"),
        (b'{"items": 3}', "items is not an array"),
        (b'{"items": [' + b" " * (1 << 17) + b"]}", "the page has more than 65536 bytes"),
        (b'{"items": [{"number": 1}], "next": [7]}', "next in it is no text or number"),
        (b'{"items": [{"number": 1}], "next": nonsense}', "'nonsense' in it is no JSON"),
    ],
)
def test_a_json_page_that_cannot_be_used_says_why(server: Origin, body: bytes, said: str) -> None:
    server.answer = lambda _: Reply(body)
    reading = Reading(
        server.url, Way("cursor", "cursor", ("next",)), format="json", records=("items",), page=1 << 16
    )
    assert [] == reading.look()
    assert said in str(reading.source.problem)
    server.answer = lambda _: Reply(json.dumps({"items": [{"number": 1}]}).encode())
    assert [1] == reading.later(60)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_damaged_answer_is_asked_for_again(server: Origin, coding: str) -> None:
    magic = {"gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "zstd": b"\x28\xb5\x2f\xfd"}[coding]
    server.answer = lambda _: Reply(magic + b"nonsense" * 9, headers={"Content-Encoding": coding})
    reading = Reading(server.url)
    reading.look()
    assert "the compressed answer is damaged" in str(reading.source.problem)
    server.answer = lambda _: Reply(lines(1))
    assert [1] == reading.later(1)


def test_an_encoding_that_was_not_asked_for(server: Origin) -> None:
    server.answer = lambda _: Reply(lines(1), headers={"Content-Encoding": "br"})
    reading = Reading(server.url)
    reading.look()
    assert "encoded as br, which was not asked for" in str(reading.source.problem)


def test_a_time_that_records_do_not_tell(server: Origin) -> None:
    server.answer = lambda _: Reply(lines(1))
    reading = Reading(server.url, Way("since", "since", ("ts",)))
    reading.look()
    assert "its records tell no ts to go on from" in str(reading.source.problem)


@pytest.mark.fault("document replaced while it was read by ranges")
def test_what_was_given_of_a_document_that_is_gone_is_counted_as_lost(server: Origin) -> None:
    body = lines(*range(10)) + b'{"number": 1'
    etag = {"ETag": '"a"'}
    server.answer = lambda _: Reply(body, headers=etag)
    reading = Reading(server.url, Way("range"))
    reading.look()
    assert 12 == reading.source.lag().bytes
    server.answer = lambda asked: (
        Reply(status=416, headers={"Content-Range": "bytes */0"}) if "range" in asked.headers else Reply()
    )
    reading.later()
    assert 12 == reading.source.lost_bytes
    assert 0 == reading.source.lag().bytes


def test_a_place_of_another_server_is_not_gone_on_from(server: Origin) -> None:
    reading = Reading(server.url, CURSOR)
    reading.look()
    reading.save()
    other = Reading(server.url, Way("cursor", "after", header="X-Next-Cursor"))
    reading.restart(other.options)
    assert [1, 2] == reading.look()
    assert {"200": 2} == reading.requests


def test_a_place_that_another_version_saved_is_refused(server: Origin) -> None:
    reading = Reading(server.url)
    for stored in (b'{"origin": "a", "page": 7}', b"\0", b"[]"):
        with pytest.raises(StateError, match="begin anew with state reset"):
            reading.source.restore(SourceState(marks={"place": stored}))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the loopback that is its own authority, with its key."""
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{file}.key", "-out", str(file)),
        ],
        check=True,
        capture_output=True,
    )
    return file


def test_tls_with_an_authority_of_ones_own_and_a_certificate_of_ours(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, str(certificate) + ".key")
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    ours = {"certificate_file": str(certificate), "key_file": str(certificate) + ".key"}
    with origin(lambda _: Reply(lines(1)), context) as server:
        reading = Reading(server.url)
        reading.look()
        assert "no trusted connection" in str(reading.source.problem)
        assert "check ca_file" in str(reading.source.problem)
        assert {"connection": 1} == reading.requests
        reading = Reading(server.url, server={"ca_file": str(certificate)})
        reading.look()
        assert reading.source.problem is not None
        reading = Reading(server.url, server={"ca_file": str(certificate), **ours})
        assert [1] == reading.look()
        server.answer = lambda _: Reply(status=302, headers={"Location": server.url.replace("https", "http")})
        reading.later()
        assert "would be asked without TLS" in str(reading.source.problem)


def test_what_is_held_of_an_answer_that_nobody_takes_is_bounded(server: Origin) -> None:
    """Back-pressure: the server waits, not the memory."""
    body = lines(*range(10)) * 200_000
    server.answer = lambda _: Reply(body)
    reading = Reading(server.url, take=lambda _: [])
    polling = reading.source.poll()
    next(polling, None)
    fetch = reading.source._fetch  # noqa: SLF001
    assert fetch is not None
    end = time.monotonic() + PATIENCE
    while fetch.held < 8 << 20 and time.monotonic() < end:
        time.sleep(0.01)
    assert 8 << 20 <= fetch.held <= (8 << 20) + (1 << 17)
    polling.close()
    reading.look()
    assert len(body) == reading.source.standing.place.offset
