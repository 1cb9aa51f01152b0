"""The file of ``--web.config.file``: TLS, client certificates, users and headers.

Keys and their meaning are those of Prometheus' exporter toolkit, so that a file that serves node_exporter
serves here. What Python's TLS cannot do is refused rather than left out.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic.functional_validators import AfterValidator

from drift_exporter.config.document import read_document
from drift_exporter.config.fieldtypes import File, Text
from drift_exporter.config.load import configuration_error, read_text
from drift_exporter.config.messages import problems_of
from drift_exporter.config.positions import shorten
from drift_exporter.config.refusal import Part, refuse, refuse_parts
from drift_exporter.config.section import Section

CIPHERS: Mapping[str, str] = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
}
"""Cipher suites of TLS 1.2 by their registered names, as OpenSSL calls them. Those of TLS 1.3 are fixed."""

HEADERS = (
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
)

_HASH = re.compile(r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}")
_UNCHECKED = frozenset({"RequestClientCert", "RequireAnyClientCert"})

ClientAuthentication = Literal[
    "NoClientCert",
    "RequestClientCert",
    "RequireAnyClientCert",
    "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert",
]
TlsVersion = Literal["TLS12", "TLS13"]


def _bcrypt(value: str) -> str:
    if not _HASH.fullmatch(value):
        raise refuse("is no bcrypt hash; make one by: htpasswd -nBC 10 '' | tr -d ':\\n'")
    return value


def _user(value: str) -> str:
    if ":" in value:
        raise refuse(f"{shorten(value)} holds a colon, which ends a user's name; choose another name")
    return value


def _cipher(value: str) -> str:
    if value not in CIPHERS:
        raise refuse(f"{shorten(value)} is not to be had here; one of: {', '.join(CIPHERS)}")
    return value


def _header(value: str) -> str:
    if value not in HEADERS:
        raise refuse(f"{shorten(value)} cannot be set here; one of: {', '.join(HEADERS)}")
    return value


def _header_value(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise refuse(f"{shorten(value)} cannot be sent in a header; use printable ASCII characters")
    return value


class TlsServer(Section):
    """How connections are encrypted, and whom certificates let in."""

    cert_file: File = Field(description="the server's certificate, with those between it and its authority")
    key_file: File = Field(description="the key of the certificate, without a passphrase")
    client_auth_type: ClientAuthentication = Field(
        "NoClientCert", description="whether clients show certificates, such as RequireAndVerifyClientCert"
    )
    client_ca_file: File | None = Field(None, description="authorities that sign clients' certificates")
    min_version: TlsVersion = Field("TLS12", description="oldest version of TLS that is spoken")
    max_version: TlsVersion = Field("TLS13", description="newest version of TLS that is spoken")
    cipher_suites: Annotated[
        tuple[Annotated[Text, AfterValidator(_cipher)], ...] | None, Field(min_length=1)
    ] = Field(None, description="cipher suites of TLS 1.2 by their registered names; default: all of these")
    prefer_server_cipher_suites: bool = Field(
        default=True, strict=True, description="whether the order of the server's cipher suites counts"
    )

    @model_validator(mode="after")
    def _checked(self) -> "TlsServer":
        parts: list[Part] = []
        verifies = self.client_auth_type in {"VerifyClientCertIfGiven", "RequireAndVerifyClientCert"}
        if self.client_auth_type in _UNCHECKED:
            right = "VerifyClientCertIfGiven or RequireAndVerifyClientCert with client_ca_file"
            text = f"certificates that nobody verifies cannot be asked for here; write {right}"
            parts.append((("client_auth_type",), text))
        elif verifies and self.client_ca_file is None:
            text = f"{self.client_auth_type} needs the authorities that sign the certificates; add them"
            parts.append((("client_ca_file",), text))
        elif self.client_ca_file is not None and not verifies:
            text = "is not used without client_auth_type; add RequireAndVerifyClientCert"
            parts.append((("client_ca_file",), text))
        if self.min_version > self.max_version:
            parts.append((("min_version",), f"{self.min_version} is newer than max_version; lower it"))
        if parts:
            raise refuse_parts(parts)
        return self


class HttpServer(Section):
    """What is said over HTTP."""

    http2: bool = Field(
        default=True, strict=True, description="has no effect: HTTP/1.1 is spoken, which all clients know"
    )
    headers: Mapping[
        Annotated[Text, AfterValidator(_header)], Annotated[Text, AfterValidator(_header_value)]
    ] = Field({}, description="headers of all answers, in place of the exporter's own")


class Web(Section):
    """The whole file."""

    tls_server_config: TlsServer | None = Field(None, description="certificate and key; without it: HTTP")
    http_server_config: HttpServer = Field(HttpServer(), description="headers")
    basic_auth_users: Mapping[
        Annotated[Text, AfterValidator(_user)], Annotated[Text, AfterValidator(_bcrypt)]
    ] = Field({}, description="users and the bcrypt hashes of their passwords; without any: nobody is asked")


def load_web(path: Path) -> Web:
    """Read the file; raises ConfigurationError, with a line for each problem. Paths are relative to it.

    An empty file is one without TLS and users.
    """
    text = read_text(path)
    if not text.strip():
        return Web()
    document = read_document(text, "tls_server_config")
    if document.data is None or document.problems:
        raise configuration_error(path, document.problems)
    try:
        return Web.model_validate(document.data, context={"folder": path.absolute().parent})
    except ValidationError as error:
        raise configuration_error(path, problems_of(error, document, Web)) from None
