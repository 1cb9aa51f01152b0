"""Grafana's HTTP API for folders and dashboards, as far as its documentation says, over real HTTP.

Answers are those of ``tests/bundle/grafana_api.json``, taken from the documentation, with the names that were
asked for. What does not keep to the documented requests is refused.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import SSLContext
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = Any
CONTRACT = json.loads((Path(__file__).parents[1] / "bundle" / "grafana_api.json").read_text(encoding="utf-8"))


class Grafana:
    """What the server holds, and each exchange that there was."""

    def __init__(self, token: str = "a-token") -> None:  # noqa: S107  # of a test
        self.token = token
        self.url = ""
        self.role = "Editor"
        self.folders: dict[str, str] = {}
        self.hidden: set[str] = set()
        self.dashboards: dict[str, dict[str, Json]] = {}
        self.between: list[Json] = []
        self.exchanges: list[dict[str, Json]] = []

    def edit(self, uid: str, **changes: Json) -> None:
        """What a person does who edits and saves a dashboard."""
        saved = self.dashboards[uid]
        saved["dashboard"] |= changes
        saved["dashboard"]["version"] += 1

    def answer(self, method: str, target: str, authorization: str, body: Json) -> tuple[int, Json]:
        """Status and body of the answer to one request."""
        if authorization != f"Bearer {self.token}":
            return self._documented("not authenticated")
        if method == "POST" and self.role == "Viewer":
            return self._documented("access denied")
        folder, _, uid = urlsplit(target).path.removeprefix("/api/").partition("/uid/")
        match method, folder:
            case "GET", "folders":
                answer = 200, self._listed(parse_qs(urlsplit(target).query))
            case "POST", "folders":
                answer = self._new_folder(body)
            case "GET", "dashboards":
                answer = self._dashboard(uid)
            case "POST", "dashboards/db":
                answer = self._save(body)
            case _:
                answer = 404, {"message": "Not found"}
        return answer

    def _documented(self, name: str, **changes: Json) -> tuple[int, Json]:
        response = deepcopy(CONTRACT["responses"][name])
        assert changes.keys() <= response["body"].keys()
        return response["status"], {**response["body"], **changes}

    def _listed(self, query: dict[str, list[str]]) -> Json:
        assert query.keys() <= {"limit", "page"}
        limit, page = int(query.get("limit", ["1000"])[0]), int(query.get("page", ["1"])[0])
        seen = [{"id": i, "uid": u, "title": t} for i, (u, t) in enumerate(self.folders.items(), 1)]
        return [f for f in seen if f["uid"] not in self.hidden][(page - 1) * limit : page * limit]

    def _new_folder(self, body: Json) -> tuple[int, Json]:
        assert body.keys() <= set(CONTRACT["requests"]["create a folder"])
        if body["title"] in self.folders.values():
            return self._documented("folder exists")
        uid = f"folder{len(self.folders) + 1}"
        self.folders[uid] = body["title"]
        return self._documented("folder created", uid=uid, title=body["title"], url=f"/dashboards/f/{uid}/x")

    def _dashboard(self, uid: str) -> tuple[int, Json]:
        if uid not in self.dashboards:
            return self._documented("dashboard not found")
        saved = self.dashboards[uid]
        meta = CONTRACT["responses"]["dashboard found"]["body"]["meta"] | {"folderUid": saved["folderUid"]}
        return self._documented("dashboard found", dashboard=saved["dashboard"], meta=meta)

    def _save(self, body: Json) -> tuple[int, Json]:
        assert body.keys() <= set(CONTRACT["requests"]["save a dashboard"])
        for change in self.between:
            change()
        given = body["dashboard"]
        assert given["id"] is None
        if body.get("folderUid") not in self.folders:
            return 400, {"message": "folder not found"}
        old = self.dashboards.get(given["uid"])
        if old is not None and old.get("plugin"):
            return self._documented("dashboard of a plugin")
        if old is not None and not body.get("overwrite"):
            return self._documented("version mismatch")
        version = 1 if old is None else old["dashboard"]["version"] + 1
        saved = {**given, "id": len(self.dashboards) + 1, "version": version}
        self.dashboards[given["uid"]] = {"dashboard": saved, "folderUid": body["folderUid"]}
        url = f"/d/{given['uid']}/x"
        return self._documented(
            "dashboard saved", id=saved["id"], uid=given["uid"], url=url, version=version, slug="x"
        )


@contextmanager
def serving(grafana: Grafana, tls: SSLContext | None = None, prefix: str = "") -> Iterator[Grafana]:
    """Serve it on a free port of the loopback until the end of the block; ``grafana.url`` is where."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/json"
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: Json) -> None:
            if not self.path.startswith(f"{prefix}/api/"):
                self._send(302, b"", Location=f"{grafana.url}{self.path}")
                return
            path = self.path.removeprefix(prefix)
            status, answer = grafana.answer(self.command, path, self.headers.get("Authorization", ""), body)
            request = {"method": self.command, "path": path, **({} if body is None else {"body": body})}
            grafana.exchanges.append({"request": request, "response": {"status": status, "body": answer}})
            self._send(
                status, json.dumps(answer).encode(), **{"Content-Type": "application/json; charset=UTF-8"}
            )

        def _send(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    grafana.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}{prefix}"
    try:
        yield grafana
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=20)
