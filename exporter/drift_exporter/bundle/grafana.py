"""Dashboards into Grafana through its HTTP API: https://grafana.com/docs/grafana/latest/developers/http_api/."""

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import requests
from requests.auth import AuthBase

from drift_exporter import __version__
from drift_exporter.errors import BundleError
from drift_exporter.sources.secret_file import read_secret

Json = Any
SECONDS = (10.0, 60.0)
"""Waited for a connection, and for an answer."""
PAGE = 1000
# What Grafana writes into a dashboard itself.
OWN_KEYS = {"id", "version"}


class _NotImportedError(BundleError):
    """One dashboard was not imported; others may be."""


class _Bearer(AuthBase):
    """The token on each request; as authentication, so that no .netrc takes its place."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class Grafana:
    """A Grafana server, asked as a service account. Errors are BundleErrors that say what would help."""

    def __init__(self, url: str, token_file: Path, ca_file: Path | None = None) -> None:
        self.url = url.rstrip("/")
        self.session = requests.Session()
        self.session.auth = _Bearer(read_secret(token_file, "--token-file"))
        self.session.headers.update(
            {"Accept": "application/json", "User-Agent": f"drift-exporter/{__version__}"}
        )
        if ca_file is not None and not ca_file.is_file():
            raise BundleError(f"--ca-file {ca_file}: no such file; check the path")
        self.ca_file = ca_file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()

    def folder(self, title: str) -> str:
        """The uid of the folder with this title at the top, which is made where there is none."""
        page = 1
        while True:
            found = self._ask("GET", "/api/folders", {200}, params={"limit": PAGE, "page": page})[1]
            for folder in found:
                if folder["title"] == title:
                    return str(folder["uid"])
            if len(found) < PAGE:
                break
            page += 1
        status, made = self._ask("POST", "/api/folders", {200, 409, 412}, body={"title": title})
        if status != 200:
            raise BundleError(
                f"{self.url}: has a folder {title} that the token may not see ({status}: {_message(made)}); "
                "let its service account see it, or name another one by --folder"
            )
        return str(made["uid"])

    def dashboard(self, uid: str) -> Json | None:
        """The dashboard with a uid and what goes with it, None where there is none."""
        status, found = self._ask("GET", f"/api/dashboards/uid/{quote(uid, safe='')}", {200, 404})
        return found if status == 200 else None

    def save(self, dashboard: Mapping[str, Json], folder: str, *, overwrite: bool) -> str:
        """Create a dashboard, or with ``overwrite`` replace the one with its uid; returns its URL."""
        body = {
            "dashboard": {**dashboard, "id": None},
            "folderUid": folder,
            "message": f"drift-exporter bundle {__version__}",
            "overwrite": overwrite,
        }
        status, made = self._ask("POST", "/api/dashboards/db", {200, 400, 412}, body=body)
        if status == 200:
            return self.url + _path(str(made["url"]), self.url)
        reason = f"{made.get('status', 'no status')}: {_message(made)}"
        help_ = {
            "version-mismatch": "somebody saved it meanwhile; look, then --overwrite replaces it",
            "name-exists": "another one has its uid or its title in this folder; rename that, or --overwrite",
            "plugin-dashboard": "it belongs to a plugin; remove it there",
        }
        text = help_.get(str(made.get("status")), "Grafana's log tells more")
        raise _NotImportedError(f"{dashboard['title']}: is not imported ({status} {reason}); {text}")

    def _ask(
        self,
        method: str,
        path: str,
        fine: set[int],
        *,
        params: Mapping[str, int] | None = None,
        body: Mapping[str, Json] | None = None,
    ) -> tuple[int, Json]:
        try:
            answer = self.session.request(
                method,
                self.url + path,
                params=params,
                json=body,
                timeout=SECONDS,
                # A redirect would make a GET of a POST.
                allow_redirects=False,
                # Given here, since the environment's certificates come before the session's.
                verify=True if self.ca_file is None else str(self.ca_file),
            )
        except requests.exceptions.SSLError as error:
            raise BundleError(
                f"{self.url}: its certificate is not trusted: {error}; name its authority by --ca-file"
            ) from error
        except requests.RequestException as error:
            raise BundleError(f"{self.url}: cannot be asked: {error}; check --grafana-url") from error
        if answer.status_code in fine:
            return answer.status_code, self._json(answer)
        raise BundleError(f"{self.url}: {method} {path} {_refusal(answer)}")

    def _json(self, answer: requests.Response) -> Json:
        try:
            return answer.json()
        except ValueError:
            raise BundleError(
                f"{self.url}: answers with something else than JSON; --grafana-url is where Grafana is, with "
                "its path if it has one"
            ) from None


def import_dashboards(grafana: Grafana, output: Path, title: str, *, overwrite: bool) -> None:
    """Import all dashboards of the folder ``output``, and tell each on stderr.

    What is the same in Grafana already is left alone; what differs is replaced only with ``overwrite``.
    Raises BundleError with a line for each that could not be imported, after all have been tried.
    """
    files = sorted((output / "dashboards" / "json").glob("*.json"))
    folder = grafana.folder(title)
    problems = []
    for file in files:
        dashboard = _read(file)
        try:
            done = _import(grafana, dashboard, folder, overwrite=overwrite)
        except _NotImportedError as error:
            problems.append(str(error))
        else:
            sys.stderr.write(f"{dashboard['title']}: {done}\n")
    if problems:
        raise BundleError("\n".join(problems))


def _import(grafana: Grafana, dashboard: Mapping[str, Json], folder: str, *, overwrite: bool) -> str:
    there = grafana.dashboard(str(dashboard["uid"]))
    if there is None:
        return f"imported, {grafana.save(dashboard, folder, overwrite=False)}"
    if _comparable(there["dashboard"]) == _comparable(dashboard):
        return "is there already"
    if not overwrite:
        raise _NotImportedError(
            f"{dashboard['title']}: {grafana.url} has another version of it (uid {dashboard['uid']}), an "
            "older one or one that was edited there; --overwrite replaces it"
        )
    return f"replaced, {grafana.save(dashboard, folder, overwrite=True)}"


def _comparable(dashboard: Mapping[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in dashboard.items() if key not in OWN_KEYS}


def _read(file: Path) -> dict[str, Json]:
    try:
        dashboard = json.loads(file.read_bytes())
    except ValueError as error:
        raise BundleError(f"{file}: is not JSON: {error}; mend it, or write it anew by --force") from None
    if not isinstance(dashboard, dict) or not dashboard.get("uid") or not dashboard.get("title"):
        raise BundleError(f"{file}: has no uid or no title; alerts link to dashboards by uid, so give it one")
    return dashboard


def _refusal(answer: requests.Response) -> str:
    status, text = answer.status_code, answer.reason
    with suppress(ValueError):
        text = _message(answer.json()) or text
    help_ = {
        401: "the token is not accepted; make one of a service account of this Grafana, or renew it",
        403: "the token may not do this; give its service account the role Editor, or the permissions "
        "folders:read, folders:create, dashboards:read, dashboards:create and dashboards:write",
        404: "there is no Grafana; give --grafana-url the path that Grafana has, if it has one",
        429: "it is asked too often; try again later",
    }
    if 300 <= status < 400:
        return f"is sent to {answer.headers.get('Location')} ({status}); give --grafana-url that address"
    return f"is refused ({status}: {text}); {help_.get(status, 'Grafana has its log')}"


def _message(data: Json) -> str:
    return str(data.get("message", "")) if isinstance(data, dict) else ""


def _path(url: str, base: str) -> str:
    """A path that begins at the server's root, without the part that the base has already."""
    prefix = "/" + base.split("://", 1)[-1].partition("/")[2]
    return url.removeprefix(prefix) if prefix != "/" else url
