"""One request: its headers and secrets, TLS, redirects, and in plain words what went wrong.

Proxies are taken from the environment, as requests does. Nothing else is: no passwords from a netrc file, no
cookies of earlier answers.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import SplitResult, parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import requests
import urllib3

from drift_exporter.sources.http.options import Server

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_SECRET_PARAMETER = re.compile(r"key|token|secret|sig|pass|auth|cred", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


class RequestError(Exception):
    """A request got no answer that can be used.

    ``code`` is what it counts as; "" where no request was made. ``soon`` says that the same request may well
    succeed in a moment, ``after`` (seconds) is when the server wants to be asked again.
    """

    def __init__(self, code: str, text: str, *, soon: bool = False, after: float | None = None) -> None:
        super().__init__(text)
        self.code, self.soon, self.after = code, soon, after


@dataclass(frozen=True)
class Answer:
    """A server's answer, its body not yet read, and the URL that gave it."""

    response: requests.Response
    url: str


class Client:
    """Asks one server. Connections are kept open between requests."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._session = self._new_session()

    @property
    def timeout(self) -> float:
        """Seconds without a byte after which a request has failed."""
        return self._server.timeout

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._session.close()

    def begin_anew(self) -> None:
        """Connect anew for the next request, with the certificates that the files hold by then."""
        self._session.close()
        self._session = self._new_session()

    def ask(
        self,
        url: str,
        conditions: Mapping[str, str],
        count: Callable[[str], None],
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask for ``url``; redirects are followed, and ``count`` is called with the code of each.

        With ``form`` it is posted. Raises RequestError where there is no answer, or one from somewhere else
        than is allowed.
        """
        for _ in range(_MOST_REDIRECTS + 1):
            self.check(url)
            response = self._send(url, {**self._headers(), **conditions}, form)
            if response.status_code not in _REDIRECTS or "Location" not in response.headers:
                return Answer(response, url)
            count(str(response.status_code))
            url = urljoin(url, response.headers["Location"])
            response.close()
        raise RequestError("", f"more than {_MOST_REDIRECTS} redirects, the last one to {shown(url)}")

    def check(self, url: str) -> None:
        """Raise RequestError where a redirect or a link leads to a host that is not to be trusted."""
        asked, own = urlsplit(url), urlsplit(self._server.url)
        if asked.scheme not in _PORTS or not asked.hostname:
            raise RequestError("", f"{shown(url)} is no URL that can be asked")
        if asked.scheme == "http" and own.scheme == "https":
            raise RequestError("", f"{shown(url)} would be asked without TLS; the server should use https")
        upgraded = asked.hostname == own.hostname and (own.scheme, asked.scheme) == ("http", "https")
        if _host(asked) != _host(own) and not upgraded and not _named(asked, self._server.hosts):
            raise RequestError(
                "",
                f"the server leads to another host, {asked.netloc.rpartition('@')[2]}, which is not asked; "
                "add it to hosts if it may have the same headers",
            )

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        return session

    def _headers(self) -> dict[str, str]:
        headers = dict(self._server.headers)
        for name, path in self._server.header_files.items():
            try:
                with open(path, encoding="utf-8") as file:
                    value = file.read().strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not text"
                raise RequestError(
                    "", f"the file of header {name}, {path}, cannot be read: {reason}"
                ) from None
            if not value or not value.isprintable():
                wrong = "holds more than one line" if value else "is empty"
                raise RequestError("", f"the file of header {name}, {path}, {wrong}; write the value alone")
            headers[name] = value
        return headers

    def _send(
        self, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> requests.Response:
        server = self._server
        certificate = None
        if server.certificate_file is not None:
            certificate = (
                server.certificate_file
                if server.key_file is None
                else (server.certificate_file, server.key_file)
            )
        try:
            return self._session.request(
                "GET" if form is None else "POST",
                url,
                data=form,
                # As bytes: requests would refuse to send other text than Latin-1.
                headers={name: value.encode() for name, value in headers.items()},
                stream=True,
                timeout=server.timeout,
                allow_redirects=False,
                verify=True if server.ca_file is None else server.ca_file,
                cert=certificate,
                # Without it a netrc file would take the place of the header Authorization.
                auth=lambda request: request,
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise failure(error, server.timeout) from error


def failure(error: Exception, timeout: float) -> RequestError:
    """What a failed request or a broken answer counts as, and why it failed."""
    if isinstance(error, requests.ConnectTimeout | urllib3.exceptions.ConnectTimeoutError):
        return RequestError("timeout", f"no connection within {timeout:g} s", soon=True)
    if isinstance(error, requests.Timeout | urllib3.exceptions.ReadTimeoutError):
        return RequestError("timeout", f"not a byte within {timeout:g} s", soon=True)
    found = _innermost(error)
    if isinstance(error, requests.exceptions.SSLError | urllib3.exceptions.SSLError):
        hint = "check ca_file, certificate_file and key_file"
        return RequestError("connection", f"no trusted connection: {found}; {hint}", soon=True)
    if isinstance(error, requests.exceptions.ProxyError):
        return RequestError("connection", f"the proxy cannot be used: {found}", soon=True)
    return RequestError("connection", f"the connection failed: {found}", soon=True)


def _innermost(error: BaseException) -> str:
    """The system's own words for what went wrong, where there are any."""
    seen: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        current = todo.pop()
        if not isinstance(current, BaseException) or any(current is other for other in seen):
            continue
        seen.append(current)
        todo += [*current.args, getattr(current, "reason", None), current.__context__, current.__cause__]
    for inner in reversed(seen):
        if isinstance(inner, OSError) and inner.strerror:
            return str(inner.strerror)
    return str(seen[-1]).strip() or type(seen[-1]).__name__


def _host(url: SplitResult) -> tuple[str, str | None, int]:
    return url.scheme, url.hostname, url.port or _PORTS[url.scheme]


def _named(url: SplitResult, hosts: object) -> bool:
    name = url.hostname or ""
    return isinstance(hosts, tuple | list) and (name in hosts or f"{name}:{url.port}" in hosts)


def with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    """The URL with more parameters in its query."""
    if not parameters:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, urlencode(parameters)]))))


def shown(url: str, hidden: Mapping[str, str] | None = None) -> str:
    """The URL for people: without credentials, and without what looks like a secret or is in ``hidden``."""
    parts = urlsplit(url)
    query = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if not _SECRET_PARAMETER.search(name) and name not in (hidden or {})
    ]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host, query=urlencode(query), fragment=""))
