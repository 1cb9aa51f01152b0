"""The running exporter behind TLS and users, asked by requests and scraped by a real Prometheus."""

import contextlib
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import requests
import trustme
import yaml

from support import program
from support.records import FIELDS, Setup, ndjson, record
from support.servers import free_port, prometheus, prometheus_config, until

PASSWORD = "open sesame"  # noqa: S105  # of this test alone
USER = ("prometheus", PASSWORD)


def emptied(folder: Path) -> Path:
    folder.mkdir()
    return folder


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


@dataclass(frozen=True)
class Authority:
    """An authority, the files of a server's certificate and of a client's."""

    folder: Path
    authority: trustme.CA

    @property
    def ca(self) -> str:
        """The authority's own certificate."""
        return str(self.folder / "ca.pem")

    def issue(self, name: str) -> tuple[str, str]:
        """A certificate and its key for 127.0.0.1."""
        cert = self.authority.issue_cert("127.0.0.1", common_name=name)
        paths = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        cert.private_key_pem.write_to_path(paths[1])
        cert.cert_chain_pems[0].write_to_path(paths[0])
        return str(paths[0]), str(paths[1])


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path, trustme.CA())
    made.authority.cert_pem.write_to_path(made.ca)
    return made


@contextlib.contextmanager
def exporter(folder: Path, web: Mapping[str, Any], **options: object) -> Iterator[str]:
    """Its address, once somebody listens there."""
    made = Setup(emptied(folder / "exporter"), **options)
    (made.logs / "a.ndjson").write_bytes(ndjson(record()))
    file = folder / "web.yml"
    file.write_text(yaml.safe_dump(dict(web)))
    address = f"127.0.0.1:{free_port()}"
    log = folder / "log"
    process = program.start([*program.serve(made.config_path, address), "--web.config.file", file], log)
    try:
        until(lambda: process.poll() is not None or listens(address), what="the exporter to listen")
        assert process.poll() is None, log.read_text()
        yield address
    finally:
        process.send_signal(15)
        assert 0 == process.wait(30)


def listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def tls(authority: Authority, **more: object) -> dict[str, Any]:
    cert, key = authority.issue("server")
    return {"tls_server_config": {"cert_file": cert, "key_file": key, **more}}


def test_users_are_let_in_and_others_are_not(tmp_path: Path) -> None:
    with exporter(tmp_path, {"basic_auth_users": {USER[0]: hashed(PASSWORD)}}) as address:
        url = f"http://{address}"
        for path in ("/metrics", "/", "/-/healthy", "/config", "/nothing"):
            answer = requests.get(url + path, timeout=10)
            assert 401 == answer.status_code, path
            assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        for wrong in ((USER[0], "other"), ("nobody", PASSWORD), (USER[0], ""), (USER[0], PASSWORD + "\0")):
            # Twice: the second answer is the remembered one.
            assert [401, 401] == [
                requests.get(url + "/metrics", auth=wrong, timeout=10).status_code for _ in range(2)
            ]
        for malformed in ("Basic", "Basic !", "Basic cHJvbQ==", f"Bearer {PASSWORD}"):
            answer = requests.get(url + "/metrics", headers={"Authorization": malformed}, timeout=10)
            assert 401 == answer.status_code, malformed
        assert [200, 200] == [
            requests.get(url + "/metrics", auth=USER, timeout=10).status_code for _ in range(2)
        ]
        assert 401 == requests.post(url + "/v1/predictions/fraud", data=b"{}", timeout=10).status_code


def test_a_new_password_counts_without_a_restart_and_a_mistake_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    with exporter(tmp_path, {"basic_auth_users": {USER[0]: hashed("old")}}) as address:
        url = f"http://{address}/metrics"
        assert 200 == requests.get(url, auth=(USER[0], "old"), timeout=10).status_code
        file.write_text(yaml.safe_dump({"basic_auth_users": {USER[0]: hashed(PASSWORD)}}))
        assert 200 == requests.get(url, auth=USER, timeout=10).status_code
        assert 401 == requests.get(url, auth=(USER[0], "old"), timeout=10).status_code
        file.write_text("basic_auth_users: {prometheus: plain}")
        assert 200 == requests.get(url, auth=USER, timeout=10).status_code
        assert 401 == requests.get(url, timeout=10).status_code
        assert "is no bcrypt hash" in (tmp_path / "log").read_text()


def test_headers_replace_those_of_the_exporter(tmp_path: Path) -> None:
    headers = {"X-Frame-Options": "deny", "X-Content-Type-Options": "nosniff"}
    with exporter(tmp_path, {"http_server_config": {"headers": headers}}) as address:
        answer = requests.get(f"http://{address}/metrics", timeout=10)
        assert headers == {name: answer.headers[name] for name in headers}


@pytest.mark.servers
def test_prometheus_scrapes_over_tls_with_a_user_and_a_certificate(
    tmp_path: Path, authority: Authority
) -> None:
    client = authority.issue("client")
    web = tls(authority, client_auth_type="RequireAndVerifyClientCert", client_ca_file=authority.ca)
    web["basic_auth_users"] = {USER[0]: hashed(PASSWORD)}
    with exporter(tmp_path, web) as address:
        with pytest.raises(requests.exceptions.RequestException):
            requests.get(f"https://{address}/metrics", auth=USER, verify=authority.ca, timeout=10)
        answer = requests.get(
            f"https://{address}/metrics", auth=USER, verify=authority.ca, cert=client, timeout=10
        )
        assert 200 == answer.status_code
        config = prometheus_config({"drift-exporter": [address]})
        (job,) = config["scrape_configs"]
        job |= {
            "scheme": "https",
            "tls_config": {"ca_file": authority.ca, "cert_file": client[0], "key_file": client[1]},
            "basic_auth": {"username": USER[0], "password": PASSWORD},
        }
        with prometheus(tmp_path / "prometheus", config) as server:
            until(lambda: server.query('up{job="drift-exporter"} == 1'), what="a scrape")
            until(lambda: server.query("drift_exporter_build_info"), what="its metrics")


def test_a_new_certificate_is_shown_to_the_next_connection(tmp_path: Path, authority: Authority) -> None:
    def serial(address: str) -> str:
        host, _, port = address.rpartition(":")
        return ssl.get_server_certificate((host, int(port)), ca_certs=authority.ca, timeout=10)

    with exporter(tmp_path, tls(authority)) as address:
        first = serial(address)
        assert first == serial(address)
        authority.issue("server")
        second = serial(address)
        assert first != second
        (tmp_path / "server.key").write_text("no key")
        assert second == serial(address)
        assert "the old --web.config.file stays in use" in (tmp_path / "log").read_text()


def test_old_versions_of_tls_are_refused(tmp_path: Path, authority: Authority) -> None:
    with exporter(tmp_path, tls(authority, min_version="TLS13")) as address:
        context = ssl.create_default_context(cafile=authority.ca)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as plain, pytest.raises(ssl.SSLError):
            context.wrap_socket(plain, server_hostname=host)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("server.crt", "server.crt: cannot be read: No such file or directory"),
        ("server.key", "server.key: cannot be read: No such file or directory"),
    ],
)
def test_a_missing_file_ends_the_start(tmp_path: Path, authority: Authority, broken: str, said: str) -> None:
    web = tls(authority)
    (tmp_path / broken).unlink()
    file = tmp_path / "web.yml"
    file.write_text(yaml.safe_dump(web))
    made = Setup(emptied(tmp_path / "exporter"))
    ended = program.run(*program.serve(made.config_path, "127.0.0.1:0"), "--web.config.file", file)
    assert 2 == ended.returncode
    assert said in ended.stderr.decode()


def test_a_key_of_another_certificate_ends_the_start(tmp_path: Path, authority: Authority) -> None:
    web = tls(authority)
    web["tls_server_config"]["key_file"] = authority.issue("other")[1]
    file = tmp_path / "web.yml"
    file.write_text(yaml.safe_dump(web))
    made = Setup(emptied(tmp_path / "exporter"))
    ended = program.run(*program.serve(made.config_path, "127.0.0.1:0"), "--web.config.file", file)
    assert 2 == ended.returncode
    assert "cannot be used: key values mismatch" in ended.stderr.decode()


def test_what_is_pushed_needs_a_user_or_the_sources_own_token(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-token")
    source = {"type": "push", "token_file": str(token)}
    users = {"basic_auth_users": {USER[0]: hashed(PASSWORD)}}
    with exporter(tmp_path, users, predictions={"source": source, "fields": FIELDS}) as address:
        url = f"http://{address}/v1/predictions/fraud"
        bearer = {"Authorization": "Bearer a-token", "Content-Type": "application/x-ndjson"}
        assert 202 == requests.post(url, ndjson(record()), headers=bearer, timeout=10).status_code
        other = bearer | {"Authorization": "Bearer another"}
        assert 401 == requests.post(url, ndjson(record()), headers=other, timeout=10).status_code
        assert 401 == requests.post(url, ndjson(record()), timeout=10).status_code
        assert 401 == requests.get(f"http://{address}/metrics", headers=bearer, timeout=10).status_code
