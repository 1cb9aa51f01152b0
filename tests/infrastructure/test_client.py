"""Range queries, of a real Prometheus where it can be, else of a server that answers as a test says."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests

from drift_exporter.infrastructure.client import MOST_POINTS, PrometheusClient, QueryError
from drift_exporter.sources.http.options import Server
from support.backfill import backfilled
from support.origin import Asked, Reply, origin
from support.servers import Prometheus
from support.signals import DAY, MINUTE, NOW

EMPTY = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": []}}).encode()
MATRIX = b'{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, %s}]}}'
PLACE = round(NOW / MINUTE)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    times = np.arange(NOW - 9 * DAY, NOW + 1, MINUTE)
    series = {
        'load{node="a"}': (times, times % DAY),
        'load{node="b"}': (times[-200:-100], np.ones(100)),
        "some": (times, np.where(times % 120 == 0, 1.0, 0.0)),
    }
    with backfilled(tmp_path_factory.mktemp("prometheus"), series) as server:
        yield server


def client(url: str, pauses: list[float] | None = None, **options: object) -> PrometheusClient:
    """A client that does not wait; it notes how long it would."""
    noted = [] if pauses is None else pauses

    def pause(seconds: float) -> bool:
        noted.append(seconds)
        return False

    largest = options.pop("largest", 1 << 20)
    return PrometheusClient(
        Server(url=url, **options),  # type: ignore[arg-type]
        pause,
        lambda: NOW,
        lambda: 0.0,
        largest=largest,  # type: ignore[arg-type]
    )


def test_values_at_the_places_asked_for(prometheus: Prometheus) -> None:
    (series,) = client(prometheus.url).ask('load{node="a"}', PLACE - 2, PLACE, MINUTE).series

    assert {"__name__": "load", "node": "a"} == dict(series.labels)
    assert [NOW - 120, NOW - 60, NOW] == series.times.tolist()
    assert [time % DAY for time in series.times.tolist()] == series.values.tolist()


def test_more_than_the_server_gives_at_once(prometheus: Prometheus) -> None:
    first = PLACE - MOST_POINTS - 99
    with pytest.raises(requests.HTTPError, match="400"):
        requests.get(
            prometheus.url + "/api/v1/query_range",
            {"query": "load", "start": str(NOW - 12_000 * MINUTE), "end": str(NOW), "step": "60"},
            timeout=30,
        ).raise_for_status()
    found = client(prometheus.url).ask("load", first, PLACE, MINUTE).series

    places = {one.labels["node"]: (one.times / MINUTE).tolist() for one in found}
    assert np.arange(first, PLACE + 1).tolist() == places["a"]
    # A value holds for up to five minutes.
    last = PLACE - 100
    assert np.arange(last - 99, last + 1).tolist() == [place for place in places["b"] if place <= last]
    assert places["b"][-1] <= last + 5


def test_what_is_no_number_is_absent(prometheus: Prometheus) -> None:
    (series,) = client(prometheus.url).ask("1 / some - 1", PLACE - 9, PLACE, MINUTE).series
    (never,) = client(prometheus.url).ask("some * NaN", PLACE - 9, PLACE, MINUTE).series

    assert [0.0] * 5 == series.values.tolist()
    assert {0.0} == set((series.times % 120).tolist())
    assert 0 == len(never.times)


def test_a_long_query_is_posted(prometheus: Prometheus) -> None:
    query = 'load{node="a"}' + "".join(f' or absent_{number}{{node="a"}}' for number in range(200))
    (series,) = client(prometheus.url).ask(query, PLACE, PLACE, MINUTE).series

    assert [NOW % DAY] == series.values.tolist()


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("sum(", "bad_data: 1:5: parse error: unclosed left parenthesis"),
        ("load[5m]", 'bad_data: invalid expression type "range vector" for range query, must be Scalar or'),
    ],
)
def test_what_is_wrong_with_a_query_is_said(prometheus: Prometheus, query: str, reason: str) -> None:
    with pytest.raises(QueryError) as caught:
        client(prometheus.url).ask(query, PLACE, PLACE, MINUTE)

    assert str(caught.value).startswith(f"{prometheus.url}: query {query!r}: {reason}")
    assert caught.value.down is None


def test_credentials_come_from_a_file(prometheus: Prometheus, tmp_path: Path) -> None:
    """Through a proxy that lets nobody in without them."""

    def pass_on(asked: Asked) -> Reply:
        if asked.headers.get("authorization") != "Bearer abc" or asked.headers.get("x-scope-orgid") != "ml":
            return Reply(b"no", 401)
        answer = requests.get(prometheus.url + asked.path.removeprefix("/prom"), asked.query, timeout=30)
        return Reply(answer.content, answer.status_code, {"Content-Type": "application/json"})

    secret = tmp_path / "secret"
    secret.write_text("Bearer abc\n")
    with origin(pass_on) as proxy:
        known = client(
            proxy.url + "/prom",
            headers={"X-Scope-OrgID": "ml"},
            header_files={"Authorization": str(secret)},
        )
        assert [NOW % DAY] == known.ask("load", PLACE, PLACE, MINUTE).series[0].values.tolist()
        with pytest.raises(QueryError, match="answers 401 Unauthorized; give it credentials in header_files"):
            client(proxy.url + "/prom").ask("load", PLACE, PLACE, MINUTE)
        secret.unlink()
        with pytest.raises(QueryError, match="cannot be read: No such file"):
            known.ask("load", PLACE, PLACE, MINUTE)


@pytest.mark.parametrize(("status", "headers"), [(503, {}), (429, {"Retry-After": "3"}), (500, {})])
def test_it_is_tried_again_where_that_may_help(status: int, headers: dict[str, str]) -> None:
    replies = iter([Reply(b"busy", status, headers), Reply(b"busy", status, headers), Reply(EMPTY)])
    pauses: list[float] = []
    with origin(lambda _: next(replies)) as server:
        assert [] == client(server.url, pauses).ask("up", 1, 1, MINUTE).series

    assert ([3.0, 3.0] if headers else [0.5, 1.0]) == pauses


@pytest.mark.fault("Prometheus overloaded")
def test_it_is_given_up_after_three_attempts_and_at_once_where_it_is_refused() -> None:
    with origin(lambda _: Reply(b"busy", 503)) as server:
        with pytest.raises(QueryError, match="answers 503 Service Unavailable"):
            client(server.url).ask("up", 1, 1, MINUTE)
        assert 3 == len(server.asked)
        server.answer = lambda _: Reply(b"what?", 404)
        with pytest.raises(QueryError, match="answers 404 Not Found"):
            client(server.url).ask("up", 1, 1, MINUTE)
        assert 4 == len(server.asked)
        # Nobody waits for minutes within a look.
        server.answer = lambda _: Reply(b"busy", 429, {"Retry-After": "120"})
        with pytest.raises(QueryError, match="answers 429"):
            client(server.url).ask("up", 1, 1, MINUTE)
        assert 5 == len(server.asked)


def test_who_is_not_there_is_down() -> None:
    with origin(lambda _: Reply(EMPTY)) as server:
        gone = server.url
    pauses: list[float] = []
    with pytest.raises(QueryError, match="Connection refused") as caught:
        client(gone, pauses).ask("up", 1, 1, MINUTE)

    assert f"{gone}: the connection failed: Connection refused" == caught.value.down
    assert 2 == len(pauses)


def test_who_does_not_answer_in_time_is_not_waited_for_twice() -> None:
    held = threading.Event()
    with origin(lambda _: Reply(EMPTY, held=held)) as server:
        with pytest.raises(QueryError, match=r"not a byte within 0.1 s") as caught:
            client(server.url, timeout=0.1).ask("up", 1, 1, MINUTE)
        held.set()

    assert caught.value.down is None
    assert 1 == len(server.asked)


def test_credentials_are_sent_to_no_other_host(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("Bearer abc")
    with (
        origin(lambda _: Reply(EMPTY)) as other,
        origin(lambda _: Reply(b"", 302, {"Location": other.url + "/api/v1/query_range"})) as server,
        pytest.raises(QueryError, match="leads to another host"),
    ):
        client(server.url, header_files={"Authorization": str(secret)}).ask("up", 1, 1, MINUTE)

    assert [] == other.asked


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "the answer is no JSON; is this the URL of a Prometheus server?"),
        (b"[]", "the answer is none of a query"),
        (b'{"status": "success"}', "the answer is none of a query"),
        (b'{"status": "error", "errorType": "timeout", "error": "too slow"}', "timeout: too slow"),
        (
            b'{"status": "success", "data": {"resultType": "vector", "result": []}}',
            "the answer is a vector, and a matrix was asked for",
        ),
        (
            MATRIX % b'"values": [[1]]',
            "the answer is none of a query",
        ),
        (
            MATRIX % b'"histograms": [[1, {}]]',
            "native histograms",
        ),
        (EMPTY + b" " * (1 << 20), "the answer has more than 1048576 bytes; ask for fewer series"),
    ],
)
def test_an_answer_that_is_none(body: bytes, reason: str) -> None:
    with origin(lambda _: Reply(body)) as server, pytest.raises(QueryError, match=reason):
        client(server.url).ask("up", 1, 1, MINUTE)


def test_warnings_are_told() -> None:
    warned = json.dumps({**json.loads(EMPTY), "warnings": ["some stores are away"]}).encode()
    with origin(lambda _: Reply(warned)) as server:
        assert ["some stores are away"] == client(server.url).ask("up", 1, 1, MINUTE).warnings
