"""The TLS of the server."""

import ssl
from collections.abc import Mapping

from drift_exporter.config.web import CIPHERS, TlsServer
from drift_exporter.errors import ConfigurationError

_VERSIONS: Mapping[str, ssl.TLSVersion] = {
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
_CLIENTS: Mapping[str, ssl.VerifyMode] = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


def make_context(tls: TlsServer) -> ssl.SSLContext:
    """The context of a server; raises ConfigurationError where a file cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.min_version]
    context.maximum_version = _VERSIONS[tls.max_version]
    suites = tls.cipher_suites or tuple(CIPHERS)
    context.set_ciphers(":".join(CIPHERS[suite] for suite in suites))
    context.set_alpn_protocols(["http/1.1"])
    if tls.prefer_server_cipher_suites:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    _load_certificate(context, tls)
    context.verify_mode = _CLIENTS[tls.client_auth_type]
    if tls.client_ca_file is not None:
        try:
            context.load_verify_locations(cafile=tls.client_ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"client_ca_file {tls.client_ca_file}: cannot be used: {_reason(error)}; it must hold the "
                "certificates of authorities in PEM"
            ) from None
    return context


def _load_certificate(context: ssl.SSLContext, tls: TlsServer) -> None:
    for key, path in (("cert_file", tls.cert_file), ("key_file", tls.key_file)):
        try:
            path.open("rb").close()
        except OSError as error:
            raise ConfigurationError(f"{key} {path}: cannot be read: {error.strerror or error}") from None

    def no_passphrase() -> str:
        raise ConfigurationError(
            f"key_file {tls.key_file}: is protected by a passphrase; write the key without one, readable by "
            "the exporter alone"
        )

    try:
        context.load_cert_chain(tls.cert_file, tls.key_file, password=no_passphrase)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"cert_file {tls.cert_file}, key_file {tls.key_file}: cannot be used: {_reason(error)}; they "
            "must hold a certificate and its key in PEM"
        ) from None


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "no PEM").replace("_", " ").lower()
    return error.strerror or str(error)
