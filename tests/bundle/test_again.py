"""The verb once more: what is the same, what follows, what stays as it was edited."""

from pathlib import Path

import pytest
import yaml

from drift_exporter.bundle.addresses import Addresses
from drift_exporter.bundle.files import MANIFEST, Standing
from drift_exporter.bundle.overlay import FOLDER
from support.bundles import configuration, standings, written
from support.kustomize import build


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    configuration(tmp_path)
    written(tmp_path)
    return tmp_path


def test_again_it_is_the_same_also_without_the_addresses(folder: Path) -> None:
    before = (folder / "out" / MANIFEST).read_bytes()
    again = written(folder, Addresses())
    assert standings(again) == {}
    assert not again.differs
    assert (folder / "out" / MANIFEST).read_bytes() == before


def test_what_was_edited_stays_and_what_is_made_of_it_follows(folder: Path) -> None:
    rules = folder / "out" / "alerting" / "rules" / "latency.yml"
    rules.write_text(rules.read_text().replace("vector(0.2)", "vector(0.5)"))
    (folder / "out" / "alerting" / "rules" / "psi.yml").unlink()
    own = folder / "out" / "alerting" / "rules" / "own.yml"
    own.write_text("groups: []\n")
    again = written(folder)
    generated = "provisioning/kubernetes/monitoring/rules"
    assert standings(again) == {
        "alerting/rules/latency.yml": Standing.EDITED,
        "alerting/rules/psi.yml": Standing.DELETED,
        f"{generated}/kustomization.yaml": Standing.UPDATED,
        f"{generated}/latency.yaml": Standing.UPDATED,
        f"{generated}/own.yaml": Standing.NEW,
    }
    assert again.left_over == (f"{generated}/psi.yaml",)
    built = build(folder / "out" / "provisioning/kubernetes/monitoring")
    by_name = {r["metadata"]["name"]: r for r in built}
    assert by_name["drift-exporter-latency"]["spec"] == yaml.safe_load(rules.read_text())
    assert "drift-exporter-own" in by_name
    assert "drift-exporter-psi" not in by_name
    forced = written(folder, force=True)
    assert standings(forced)["alerting/rules/latency.yml"] is Standing.OVERWRITTEN
    assert standings(forced)["alerting/rules/psi.yml"] is Standing.NEW
    assert "vector(0.2)" in rules.read_text()
    assert own.exists()


def test_a_newer_version_updates_what_is_not_edited_and_is_told_once_of_what_is(folder: Path) -> None:
    overlay = folder / "out" / FOLDER / "config.yml"
    overlay.write_text(overlay.read_text() + "# mine\n")
    newer = Addresses(grafana="https://other.example.org")
    config = folder / "config.yml"
    config.write_text(config.read_text().replace("windows: [1h, 24h]", "windows: [1h]"))
    before = overlay.read_text()
    checked = written(folder, newer, check=True)
    assert checked.differs
    assert standings(checked)[f"{FOLDER}/config.yml"] is Standing.BEHIND
    assert standings(checked)["alerting/rules/links.yml"] is Standing.UPDATED
    assert "grafana.example.org" in (folder / "out" / "alerting" / "rules" / "links.yml").read_text()
    assert standings(written(folder, newer)) == standings(checked)
    assert overlay.read_text() == before
    assert "other.example.org" in (folder / "out" / "alerting" / "rules" / "links.yml").read_text()
    # The newer version was shown: that is all there is to do, until there is another one.
    settled = written(folder, newer)
    assert standings(settled) == {f"{FOLDER}/config.yml": Standing.EDITED}
    assert not settled.differs


def test_a_team_that_is_gone_is_gone_from_the_routes(folder: Path) -> None:
    config = folder / "config.yml"
    config.write_text(config.read_text().replace("team: growth", "team: Risk ML"))
    again = written(folder)
    assert standings(again)["alerting/alertmanager/alertmanager.yml"] is Standing.UPDATED
    assert "growth" not in (folder / "out" / "alerting" / "alertmanager" / "alertmanager.yml").read_text()


def test_another_checkout_makes_the_same_files(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    configuration(other)
    written(other)
    here, there = (
        {p.relative_to(base): p.read_bytes() for p in base.rglob("*") if p.is_file()}
        for base in (folder / "out", other / "out")
    )
    assert here == there
