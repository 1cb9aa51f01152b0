"""The application over real HTTP: routes, methods, headers, reloads, and answers of one snapshot each."""

import gzip
import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import quote

import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from drift_exporter.errors import ConfigurationError
from drift_exporter.expose.app import create_app
from drift_exporter.expose.render import Rendered, render
from drift_exporter.snapshot import Snapshot
from support import snapshots as build
from support.webserver import serving

TIMEOUT = 30


def rendered(snapshot: Snapshot) -> Rendered:
    return render(snapshot, series_limit=50_000, process=False)


@contextmanager
def exporter(
    current: Callable[[], Rendered],
    not_ready: Callable[[], str | None] = lambda: None,
    reload: Callable[[], None] | None = None,
) -> Iterator[str]:
    config = "models:\n  - name: fraud\n    password: <masked>\n"
    with serving(
        create_app(current=current, not_ready=not_ready, config=lambda: config, reload=reload)
    ) as url:
        yield url


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    made = rendered(build.rich_snapshot())
    with exporter(lambda: made) as base:
        yield base


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=TIMEOUT)


def test_metrics_are_text_by_default(url: str) -> None:
    response = get(f"{url}/metrics", **{"Accept-Encoding": "identity"})
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "Content-Encoding" not in response.headers
    names = {family.name for family in parse_text(response.text)}
    assert {"model_predictions", "model_drift_score", "model_column_bin"} <= names


def test_metrics_are_openmetrics_on_request(url: str) -> None:
    response = get(f"{url}/metrics", Accept="application/openmetrics-text;version=1.0.0,*/*;q=0.1")
    assert response.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    families = list(parse_openmetrics(response.content.decode("utf-8")))
    traces = {(*s.exemplar.labels.items(),) for f in families for s in f.samples if s.exemplar}
    assert traces == {
        (("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),),
        (("trace_id", "00f067aa0ba902b7"),),
        (("id", "order 17"),),
    }


def test_metrics_are_compressed_on_request(url: str) -> None:
    plain = get(f"{url}/metrics", **{"Accept-Encoding": "identity"})
    with requests.get(
        f"{url}/metrics", headers={"Accept-Encoding": "gzip"}, stream=True, timeout=TIMEOUT
    ) as response:
        wire = response.raw.read(decode_content=False)
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Vary"] == "Accept, Accept-Encoding"
    assert int(response.headers["Content-Length"]) == len(wire)
    assert gzip.decompress(wire) == plain.content


PAGES = ["/", "/metrics", "/models", "/models/fraud", "/config", "/-/healthy", "/-/ready"]


@pytest.mark.parametrize("path", PAGES)
def test_head_says_what_get_would_without_a_body(url: str, path: str) -> None:
    headers = {"Accept-Encoding": "identity"}
    with_body = requests.get(url + path, headers=headers, timeout=TIMEOUT)
    without = requests.head(url + path, headers=headers, timeout=TIMEOUT)
    assert (without.status_code, without.content) == (200, b"")
    for name in ("Content-Type", "Content-Length", "Content-Security-Policy"):
        assert with_body.headers[name] == without.headers[name]
    assert int(without.headers["Content-Length"]) == len(with_body.content) > 0


@pytest.mark.parametrize("path", [*PAGES, "/nope"])
def test_no_answer_lets_a_browser_run_or_guess_anything(url: str, path: str) -> None:
    response = get(url + path)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/metrics", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
        ("PUT", "/models/fraud", "GET, HEAD"),
        ("GET", "/-/reload", "POST, PUT"),
        ("HEAD", "/-/reload", "POST, PUT"),
        ("OPTIONS", "/config", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(url: str, method: str, path: str, allowed: str) -> None:
    response = requests.request(method, url + path, timeout=TIMEOUT)
    assert response.status_code == 405
    assert response.headers["Allow"] == allowed


@pytest.mark.parametrize(
    "path", ["/nope", "/metrics/", "/-/", "/models/nope", "/models/", "/..%2f..%2fetc/passwd"]
)
def test_an_unknown_path_is_plain_text(url: str, path: str) -> None:
    response = get(url + path)
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_an_unknown_model_is_named_harmlessly(url: str) -> None:
    response = get(f"{url}/models/{quote('<script>alert(1)</script>', safe='')}")
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "There is no model '<script>alert(1)</script>'" in response.text


def test_the_configuration_is_shown_as_it_is_given(url: str) -> None:
    response = get(f"{url}/config")
    assert response.text == "models:\n  - name: fraud\n    password: <masked>\n"
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_the_landing_page_links_only_to_what_there_is(url: str) -> None:
    page = get(f"{url}/").text
    for path in ("metrics", "models", "models/fraud", "models/ranker", "config", "-/healthy", "-/ready"):
        assert f'href="{path}"' in page
        assert get(f"{url}/{path}").status_code == 200
    assert "logs/ranker: permission denied" in page


def test_the_list_of_models_links_to_their_reports(url: str) -> None:
    page = get(f"{url}/models").text
    assert 'href="models/fraud"' in page
    assert "evaluation failed" in page


def test_the_report_shows_what_the_query_asks_for(url: str) -> None:
    assert "4 of 7 columns have drifted" in get(f"{url}/models/fraud").text
    shares = get(f"{url}/models/fraud?version=2.1.0&window=24h&order=share").text
    assert "Columns, by share of the drift" in shares
    calm = get(f"{url}/models/fraud?version=2.0.3&window=7d").text
    assert "No drift beyond what is tolerated in 7 columns" in calm
    assert "Not enough records to tell." in get(f"{url}/models/fraud?version=2.1.0&window=1h").text


def test_the_report_links_to_runbooks_where_they_are_known(url: str) -> None:
    made = rendered(replace(build.rich_snapshot(), runbooks="https://runbooks.example/r"))
    with exporter(lambda: made) as base:
        linked = get(f"{base}/models/fraud").text
    assert 'href="https://runbooks.example/r/ModelDrift.md"' in linked
    unlinked = get(f"{url}/models/fraud").text
    assert "Runbook ModelDrift" in unlinked
    assert "ModelDrift.md" not in unlinked


@pytest.mark.parametrize("name", ["a/b", "naïve model", "50%", "?query#fragment", "<b>", "模型"])
def test_a_model_of_any_name_is_found_by_its_link(name: str) -> None:
    made = rendered(build.snapshot([build.model(name)]))
    with exporter(lambda: made) as base:
        link = f"models/{quote(name, safe='')}"
        assert f'href="{link}"' in get(f"{base}/models").text
        response = get(f"{base}/{link}")
    assert response.status_code == 200
    assert "No records yet." in response.text


def test_readiness_says_what_is_missing_while_health_and_metrics_answer() -> None:
    made = rendered(build.snapshot())
    reasons: list[str | None] = ["the first evaluation is not done"]
    with exporter(lambda: made, lambda: reasons[-1]) as base:
        response = get(f"{base}/-/ready")
        assert response.status_code == 503
        assert response.text == "drift-exporter is not ready: the first evaluation is not done\n"
        assert "Not ready: the first evaluation is not done" in get(f"{base}/").text
        assert get(f"{base}/-/healthy").status_code == 200
        assert "drift_exporter_build_info" in get(f"{base}/metrics").text
        reasons.append(None)
        assert get(f"{base}/-/ready").status_code == 200


def test_reloading_is_off_unless_enabled(url: str) -> None:
    response = requests.post(f"{url}/-/reload", timeout=TIMEOUT)
    assert response.status_code == 403
    assert "--web.enable-lifecycle" in response.text


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_reloading_reloads(method: str) -> None:
    made, calls = rendered(build.snapshot()), list[int]()
    with exporter(lambda: made, reload=lambda: calls.append(1)) as base:
        response = requests.request(method, f"{base}/-/reload", data=b"ignored" * 1000, timeout=TIMEOUT)
    assert response.status_code == 200
    assert calls == [1]


def test_a_refused_configuration_is_answered_with_its_fault() -> None:
    made = rendered(build.snapshot())

    def refuse() -> None:
        raise ConfigurationError("config.yml:3: windows: must be a list")

    with exporter(lambda: made, reload=refuse) as base:
        response = requests.post(f"{base}/-/reload", timeout=TIMEOUT)
        assert response.status_code == 500
        assert "config.yml:3: windows: must be a list" in response.text
        assert get(f"{base}/metrics").status_code == 200


def test_a_slow_reload_keeps_no_scrape_waiting_and_reloads_do_not_overlap() -> None:
    made, running, go_on = rendered(build.snapshot()), threading.Semaphore(0), threading.Event()
    inside: list[int] = []
    most: list[int] = []

    def slow() -> None:
        inside.append(1)
        most.append(len(inside))
        running.release()
        assert go_on.wait(TIMEOUT)
        inside.pop()

    with exporter(lambda: made, reload=slow) as base, ThreadPoolExecutor(2) as pool:
        reloads = [pool.submit(requests.post, f"{base}/-/reload", timeout=TIMEOUT) for _ in range(2)]
        try:
            assert running.acquire(timeout=TIMEOUT)
            assert get(f"{base}/metrics").status_code == 200
            assert get(f"{base}/models").status_code == 200
        finally:
            go_on.set()
        assert [reload.result().status_code for reload in reloads] == [200, 200]
    assert most == [1, 1]


def test_a_fault_is_an_answer_and_its_details_go_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Rendered:
        raise RuntimeError("secret detail")

    with caplog.at_level(logging.ERROR), exporter(broken) as base:
        response = get(f"{base}/metrics")
        assert get(f"{base}/-/healthy").status_code == 200
    assert response.status_code == 500
    assert "secret detail" not in response.text
    assert "secret detail" in caplog.text


def numbered(number: int) -> Snapshot:
    """A snapshot that says ``number`` wherever it can."""
    one = replace(
        build.version(predictions=number, windows=[build.window("1h", samples=number)]), errors=number
    )
    return build.snapshot([build.model(f"m{i}", [one]) for i in range(20)])


def test_each_scrape_is_of_one_snapshot_while_snapshots_are_swapped() -> None:
    made = [rendered(numbered(number)) for number in range(1, 21)]
    turn = itertools.cycle(made)
    with exporter(lambda: next(turn)) as base, ThreadPoolExecutor(4) as pool:
        accepts = ["text/plain", "application/openmetrics-text"] * 40
        bodies = list(pool.map(lambda accept: get(f"{base}/metrics", Accept=accept).text, accepts))
    seen = set()
    for body in bodies:
        values = {
            sample.value
            for family in parse_text(body.replace("# EOF\n", ""))
            for sample in family.samples
            if sample.name
            in {"model_predictions_total", "model_prediction_errors_total", "model_window_samples"}
        }
        assert len(values) == 1
        seen |= values
    assert seen == set(range(1, 21))
