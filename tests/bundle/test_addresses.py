"""Addresses of options: defaults, what is scraped, what is refused."""

import pytest

from drift_exporter.bundle.addresses import Addresses, addresses_of
from drift_exporter.errors import ConfigurationError


def test_without_any_all_is_on_this_machine() -> None:
    addresses = addresses_of({"grafana": None, "targets": None})
    assert addresses == Addresses()
    assert addresses.links == {
        "grafana": "http://localhost:3000",
        "exporter": "http://localhost:10101",
        "runbooks": "http://localhost:9090/user/runbooks",
    }
    assert (addresses.scheme, addresses.scraped) == ("http", ("127.0.0.1:10101",))


def test_runbooks_are_where_prometheus_serves_them_unless_said() -> None:
    assert addresses_of({"prometheus": "http://p:9090/"}).links["runbooks"] == "http://p:9090/user/runbooks"
    both = {"prometheus": "http://p:9090", "runbooks": "https://git.example.org/runbooks"}
    assert addresses_of(both).links["runbooks"] == "https://git.example.org/runbooks"


@pytest.mark.parametrize(
    ("url", "targets", "expected"),
    [
        ("https://d.example.org", [], ("d.example.org:443",)),
        ("http://d.example.org", [], ("d.example.org:80",)),
        ("http://d.example.org:10101/", [], ("d.example.org:10101",)),
        ("http://[::1]:10101", [], ("[::1]:10101",)),
        ("https://d.example.org/drift", ["a:10101", "b:10101"], ("a:10101", "b:10101")),
    ],
)
def test_what_is_scraped(url: str, targets: list[str], expected: tuple[str, ...]) -> None:
    assert addresses_of({"exporter": url, "targets": targets}).scraped == expected


def test_an_exporter_behind_a_path_wants_a_target() -> None:
    with pytest.raises(ConfigurationError, match="--scrape-target HOST:PORT"):
        _ = addresses_of({"exporter": "https://d.example.org/drift"}).scraped


@pytest.mark.parametrize(
    "url",
    [
        "grafana",
        "ftp://g.example.org",
        "http://",
        "http://g:port",
        "http://g/'x",
        "http://g/?a=b",
        "http://a b",
    ],
)
def test_what_is_no_url_is_refused_by_the_options_name(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^--grafana-url .*: not a URL, such as https://grafana\."):
        addresses_of({"grafana": url})


def test_credentials_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="holds credentials"):
        addresses_of({"prometheus": "https://user:secret@p.example.org"})


@pytest.mark.parametrize("target", ["a", "a:b", "http://a:1", "a:123456", ""])
def test_what_is_no_target_is_refused(target: str) -> None:
    with pytest.raises(ConfigurationError, match="not HOST:PORT"):
        addresses_of({"targets": [target]})


def test_newer_ones_take_the_place_of_older_ones_and_others_stay() -> None:
    old = Addresses(grafana="http://g", exporter="http://e", targets=("a:1",))
    assert old.updated(Addresses(exporter="http://n")) == Addresses("http://g", "http://n", targets=("a:1",))
