"""Dashboards through the HTTP API of a server that keeps to Grafana's documentation."""

import json
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from drift_exporter.bundle.grafana import Grafana as Client
from drift_exporter.bundle.grafana import import_dashboards
from drift_exporter.errors import BundleError
from support.alerting import ROOT
from support.grafana import CONTRACT, Grafana, serving
from support.servers import free_port

GOLDEN = Path(__file__).parent / "golden" / "grafana_exchanges.json"


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    with serving(Grafana()) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two dashboards, and a token."""
    for uid, title in (("model-detail", "Model detail"), ("models-overview", "Models overview")):
        write(tmp_path, {"uid": uid, "title": title, "schemaVersion": 39, "panels": []})
    (tmp_path / "token").write_text("a-token\n")
    return tmp_path


def write(folder: Path, dashboard: dict[str, object]) -> None:
    path = folder / "dashboards" / "json" / f"{dashboard['uid']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dashboard))


def push(url: str, folder: Path, ca: Path | None = None, *, overwrite: bool = False) -> None:
    with Client(url, folder / "token", ca) as client:
        import_dashboards(client, folder, "Models", overwrite=overwrite)


def test_each_exchange_is_as_recorded(
    grafana: Grafana, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """First import, again, one edited in Grafana, replaced."""
    push(grafana.url, folder)
    push(grafana.url, folder)
    grafana.edit("model-detail", title="Edited")
    with pytest.raises(BundleError, match=r"Model detail: .* --overwrite replaces it"):
        push(grafana.url, folder)
    push(grafana.url, folder, overwrite=True)
    said = [line.partition("http")[0] for line in capsys.readouterr().err.splitlines()]
    assert said == [
        *("Model detail: imported, ", "Models overview: imported, "),
        *("Model detail: is there already", "Models overview: is there already"),
        "Models overview: is there already",
        *("Model detail: replaced, ", "Models overview: is there already"),
    ]
    found = json.dumps(grafana.exchanges, indent=1, sort_keys=True) + "\n"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(found, encoding="utf-8")
    assert GOLDEN.read_text(encoding="utf-8") == found, "run with UPDATE_GOLDEN=1 if this change is wanted"


def test_all_shipped_dashboards_are_imported_whole_with_their_uids(grafana: Grafana, folder: Path) -> None:
    with Client(grafana.url, folder / "token") as client:
        import_dashboards(client, ROOT, "Models", overwrite=False)
    shipped = [json.loads(f.read_bytes()) for f in sorted((ROOT / "dashboards" / "json").glob("*.json"))]
    held = {
        uid: {k: v for k, v in d["dashboard"].items() if k not in {"id", "version"}}
        for uid, d in grafana.dashboards.items()
    }
    assert {d["uid"]: d for d in shipped} == held
    assert {d["folderUid"] for d in grafana.dashboards.values()} == {
        uid for uid, title in grafana.folders.items() if title == "Models"
    }


def test_a_folder_that_is_there_is_used_wherever_it_is_in_the_list(grafana: Grafana, folder: Path) -> None:
    grafana.folders = {f"u{i}": f"Folder {i}" for i in range(1200)} | {"own": "Models"}
    push(grafana.url, folder)
    assert {d["folderUid"] for d in grafana.dashboards.values()} == {"own"}
    assert len(grafana.folders) == 1201


def test_a_folder_that_the_token_may_not_see_is_told(grafana: Grafana, folder: Path) -> None:
    grafana.folders, grafana.hidden = {"own": "Models"}, {"own"}
    with pytest.raises(BundleError, match=r"has a folder Models that the token may not see \(409"):
        push(grafana.url, folder)


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_may_not_is_told_with_what_it_needs(grafana: Grafana, folder: Path, status: int) -> None:
    if status == 401:
        grafana.token = "another"  # noqa: S105
    else:
        grafana.role = "Viewer"
    with pytest.raises(BundleError) as caught:
        push(grafana.url, folder)
    expected = {401: "is not accepted", 403: "dashboards:create"}
    assert f"({status}: " in str(caught.value)
    assert expected[status] in str(caught.value)
    assert "a-token" not in str(caught.value)
    assert grafana.dashboards == {}


def test_one_that_somebody_saves_meanwhile_is_not_replaced_and_others_are_imported(
    grafana: Grafana, folder: Path
) -> None:
    def saved_by_another() -> None:
        theirs = {"dashboard": {"uid": "model-detail", "title": "Theirs", "version": 1}, "folderUid": "f"}
        grafana.dashboards.setdefault("model-detail", theirs)

    grafana.between = [saved_by_another]
    with pytest.raises(BundleError) as caught:
        push(grafana.url, folder)
    assert str(caught.value) == (
        "Model detail: is not imported (412 version-mismatch: The dashboard has been changed by someone else)"
        "; somebody saved it meanwhile; look, then --overwrite replaces it"
    )
    titles = {uid: d["dashboard"]["title"] for uid, d in grafana.dashboards.items()}
    assert titles == {"model-detail": "Theirs", "models-overview": "Models overview"}


def test_one_of_a_plugin_is_told(grafana: Grafana, folder: Path) -> None:
    own = {"dashboard": {"uid": "model-detail", "title": "T", "version": 1}, "folderUid": "f", "plugin": True}
    grafana.dashboards["model-detail"] = own
    with pytest.raises(BundleError, match="it belongs to a plugin"):
        push(grafana.url, folder, overwrite=True)


def test_an_address_that_sends_elsewhere_names_the_right_one(folder: Path) -> None:
    with serving(Grafana(), prefix="/grafana") as grafana:
        push(grafana.url, folder)
        assert len(grafana.dashboards) == 2
        with pytest.raises(BundleError, match=rf"is sent to {grafana.url}/api/folders"):
            push(grafana.url.removesuffix("/grafana"), folder)


def test_tls_with_an_authority_of_ones_own(folder: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with serving(Grafana(), context) as grafana:
        push(grafana.url, folder, folder / "ca.pem")
        assert len(grafana.dashboards) == 2
        with pytest.raises(BundleError, match=r"is not trusted: .*--ca-file"):
            push(grafana.url, folder)
    with pytest.raises(BundleError, match=r"missing\.pem: no such file"):
        push(grafana.url, folder, folder / "missing.pem")


def test_nobody_there_is_told(folder: Path) -> None:
    with pytest.raises(BundleError, match=r"cannot be asked: .*check --grafana-url"):
        push(f"http://127.0.0.1:{free_port()}", folder)


def test_a_netrc_does_not_take_the_tokens_place(
    grafana: Grafana, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "netrc").write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(folder / "netrc"))
    push(grafana.url, folder)
    assert len(grafana.dashboards) == 2


@pytest.mark.parametrize("text", ["{", "[]", '{"title": "no uid"}'])
def test_a_file_that_is_no_dashboard_is_told(grafana: Grafana, folder: Path, text: str) -> None:
    (folder / "dashboards" / "json" / "a.json").write_text(text)
    with pytest.raises(BundleError, match=r"a\.json: (is not JSON|has no uid)"):
        push(grafana.url, folder)


def test_the_contract_is_of_the_documentation() -> None:
    assert all(page.startswith("https://grafana.com/docs/grafana/") for page in CONTRACT["source"])
    assert {r["status"] for r in CONTRACT["responses"].values()} == {200, 401, 403, 404, 409, 412}
