import re
from pathlib import Path

import bcrypt
import pytest

from drift_exporter.config.web import HttpServer, TlsServer, Web, load_web
from drift_exporter.errors import ConfigurationError

HASH = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()

BAD = {
    "tls_server_config: {cert_file: a.pem}": (
        "1: tls_server_config.key_file: is missing; add it (the key of the certificate, without a passphrase)"
    ),
    "tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAnyClientCert}": (
        "1: tls_server_config.client_auth_type: certificates that nobody verifies cannot be asked for here; "
        "write VerifyClientCertIfGiven or RequireAndVerifyClientCert with client_ca_file"
    ),
    "tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAndVerifyClientCert}": (
        "1: tls_server_config: RequireAndVerifyClientCert needs the authorities that sign the "
        "certificates; add them"
    ),
    "tls_server_config: {cert_file: a, key_file: b, client_ca_file: c}": (
        "1: tls_server_config.client_ca_file: is not used without client_auth_type; add "
        "RequireAndVerifyClientCert"
    ),
    "tls_server_config:\n  cert_file: a\n  key_file: b\n  min_version: TLS13\n  max_version: TLS12": (
        "4: tls_server_config.min_version: TLS13 is newer than max_version; lower it"
    ),
    "tls_server_config: {cert_file: a, key_file: b, min_version: TLS10}": (
        '1: tls_server_config.min_version: the text "TLS10" is not known here; one of: TLS12, TLS13'
    ),
    "basic_auth_users: {prometheus: secret}": (
        "1: basic_auth_users.prometheus: is no bcrypt hash; make one by: htpasswd -nBC 10 '' | tr -d ':\\n'"
    ),
    "basic_auth_user: {}": '1: basic_auth_user: unknown key; did you mean "basic_auth_users"?',
    "http_server_config: {headers: {X-Team: a}}": (
        '1: http_server_config.headers.X-Team: "X-Team" cannot be set here; one of: Content-Security-Policy, '
        "Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options, X-XSS-Protection"
    ),
    "- a": "1: the file holds a list; it must hold keys and values, such as tls_server_config:",
}


@pytest.mark.parametrize("text", BAD)
def test_what_cannot_be_used_is_refused_with_its_place(text: str, tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_web(file)
    assert f"{file}:{BAD[text]}" == str(caught.value)


def test_a_file_of_other_exporters_is_read(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text(
        f"""
tls_server_config:
  cert_file: server.crt
  key_file: /etc/keys/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  min_version: TLS13
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: true
http_server_config:
  http2: false
  headers: {{Strict-Transport-Security: max-age=31536000}}
basic_auth_users:
  prometheus: {HASH}
"""
    )
    web = load_web(file)
    assert web.tls_server_config is not None
    assert (tmp_path / "server.crt", Path("/etc/keys/server.key"), tmp_path / "ca.crt") == (
        web.tls_server_config.cert_file,
        web.tls_server_config.key_file,
        web.tls_server_config.client_ca_file,
    )
    assert {"prometheus": HASH} == web.basic_auth_users


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_file_asks_for_nothing(text: str, tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text(text)
    web = load_web(file)
    assert (None, {}) == (web.tls_server_config, web.basic_auth_users)


DOCUMENTATION = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
SECTION = DOCUMENTATION.split("## TLS and users\n")[1].split("\n## ")[0]


def test_the_documented_file_is_one(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
    file = tmp_path / "web.yml"
    file.write_text(example)
    assert ["prometheus"] == list(load_web(file).basic_auth_users)


def test_every_key_is_documented() -> None:
    documented = set(
        re.findall(
            r"`\.?([a-z0-9_.]+?)(?:\.<name>)?`", "\n".join(re.findall(r"^\| (.*?) \|", SECTION, re.MULTILINE))
        )
    )
    keys = {name.rsplit(".", 1)[-1] for name in documented}
    sections = {"tls_server_config", "http_server_config"}
    assert {*TlsServer.model_fields, *HttpServer.model_fields, *Web.model_fields} - sections == keys
