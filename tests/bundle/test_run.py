"""The verb: what it writes holds for real programs, and what was edited stays."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from drift_exporter.bundle.addresses import Addresses
from drift_exporter.bundle.files import Standing
from drift_exporter.bundle.overlay import FOLDER
from drift_exporter.cli import build_parser, main
from drift_exporter.config import check_config, load_config
from drift_exporter.errors import BundleError, ConfigurationError
from support.alerting import ROOT, RULE_FILES
from support.bundles import CONFIG, configuration, standings, written
from support.grafana import Grafana, serving
from support.kustomize import Resource, build

OWN_KINDS = {"ServiceMonitor", "PrometheusRule", "AlertmanagerConfig"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as it is first written; not to be changed."""
    folder = tmp_path_factory.mktemp("bundle")
    configuration(folder)
    first = written(folder)
    assert {*standings(first).values()} == {Standing.NEW}
    assert first.notes == ()
    return folder / "out"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    configuration(tmp_path)
    written(tmp_path)
    return tmp_path


def run(*command: object) -> str:
    result = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def resources(folder: Path, name: str) -> list[Resource]:
    return build(folder / name)


@pytest.mark.servers
def test_promtool_and_amtool_accept_what_is_written(made: Path) -> None:
    run("promtool", "check", "rules", *sorted((made / "alerting" / "rules").glob("*.yml")))
    scraping = yaml.safe_load((made / "provisioning/prometheus/scrape-drift-exporter.yml").read_text())
    whole = {**scraping, "rule_files": [str(made / "alerting/rules/*.yml")]}
    config = made.parent / "prometheus.yml"
    config.write_text(yaml.safe_dump(whole))
    assert "valid prometheus config" in run("promtool", "check", "config", config)
    assert "1 templates" in run("amtool", "check-config", made / "alerting/alertmanager/alertmanager.yml")


def test_every_resource_is_one_of_kubernetes(made: Path) -> None:
    for name in (FOLDER, "provisioning/kubernetes/monitoring"):
        built = resources(made, name)
        checked = [r for r in built if r["kind"] not in OWN_KINDS]
        assert checked
        for resource in checked:
            kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)


def test_the_operator_gets_the_rules_routing_and_dashboards_of_the_folder(made: Path) -> None:
    built = resources(made, "provisioning/kubernetes/monitoring")
    rules = [r for r in built if r["kind"] == "PrometheusRule"]
    assert len(rules) == len(RULE_FILES)
    (links,) = (r for r in rules if r["metadata"]["name"] == "drift-exporter-links")
    assert links["spec"] == yaml.safe_load((made / "alerting/rules/links.yml").read_text())
    (routing,) = (r for r in built if r["kind"] == "AlertmanagerConfig")
    assert {"pages-risk-ml", "tickets-growth"} < {r["name"] for r in routing["spec"]["receivers"]}
    held = [text for r in built if r["kind"] == "ConfigMap" for text in r["data"].values()]
    drawn = sorted((made / "dashboards/json").glob("*.json"))
    assert sorted(held) == sorted(f.read_text(encoding="utf-8") for f in drawn)


def test_links_scraping_and_data_sources_are_filled_in(made: Path) -> None:
    rules = yaml.safe_load((made / "alerting/rules/links.yml").read_text())["groups"][0]["rules"]
    assert rules[0]["labels"] == {
        "grafana": "https://grafana.example.org",
        "exporter": "https://drift.example.org",
        "runbooks": "http://localhost:9090/user/runbooks",
    }
    (job,) = yaml.safe_load((made / "provisioning/prometheus/scrape-drift-exporter.yml").read_text())[
        "scrape_configs"
    ]
    assert (job["scheme"], job["static_configs"]) == ("https", [{"targets": ["drift.example.org:443"]}])
    for path in sorted((made / "dashboards/json").glob("*.json")):
        variables = {v["name"]: v for v in json.loads(path.read_bytes())["templating"]["list"]}
        assert variables["exporter_url"]["query"] == "https://drift.example.org"
        assert variables["exporter_url"]["current"]["value"] == "https://drift.example.org"
    sources = yaml.safe_load((made / "provisioning/grafana/datasources/drift-exporter.yml").read_text())
    assert [s["url"] for s in sources["datasources"]] == ["$PROMETHEUS_URL", "$ALERTMANAGER_URL"]


def test_without_addresses_rules_and_dashboards_are_the_shipped_ones(tmp_path: Path) -> None:
    configuration(tmp_path, re.sub(r"    team: .*\n", "", CONFIG))
    written(tmp_path, Addresses())
    for name in ("alerting/rules", "alerting/alertmanager", "alerting/runbooks", "dashboards/json"):
        there = {
            p.relative_to(tmp_path / "out"): p.read_bytes()
            for p in (tmp_path / "out" / name).rglob("*")
            if p.is_file()
        }
        shipped = {p.relative_to(ROOT): p.read_bytes() for p in (ROOT / name).rglob("*") if p.is_file()}
        assert shipped.keys() == there.keys()
        edited = {"links.yml", "windows.yml"}
        assert [p for p, raw in shipped.items() if p.name not in edited and raw != there[p]] == []
    loaded = [
        yaml.safe_load((base / "alerting/rules/links.yml").read_text()) for base in (ROOT, tmp_path / "out")
    ]
    assert loaded[0] == loaded[1]
    windows = yaml.safe_load((tmp_path / "out/alerting/rules/windows.yml").read_text())["groups"][0]["rules"]
    pairs = [rule["labels"] for rule in windows if rule["record"] == "drift_exporter:window_pair"]
    assert [{"long": "24h", "short": "1h"}] == pairs


def test_the_configuration_of_the_pods_is_the_same_with_their_paths(made: Path) -> None:
    pods = made / FOLDER
    checked = check_config(pods / "config.yml")
    assert checked.problems == ()
    fraud, churn = checked.config.models
    assert fraud.predictions.source.path == "/var/log/models/fraud/*.ndjson"
    assert fraud.labels is not None
    assert fraud.labels.source.path == "/var/log/models/labels/*.ndjson"
    assert fraud.reference == {"3": pods / "fraud.json", "4": pods / "fraud-1-fraud.json"}
    assert all(path.is_file() for path in fraud.reference.values())
    assert churn.predictions.source.secrets == {
        "ssl.key.password": Path("/run/secrets/drift-exporter/password")
    }
    assert churn.predictions.source.options["ssl.ca.location"] == "/run/secrets/drift-exporter/ca.pem"
    assert str(checked.config.state_dir) == "/var/lib/drift-exporter"
    text = (pods / "config.yml").read_text()
    assert text.startswith("# Ours.\nstate_dir: ")
    assert "# one a version" in text
    own = load_config(made.parent / "config.yml")
    assert [m.name for m in own.models] == [m.name for m in checked.config.models]
    (held,) = (
        r for r in resources(made, FOLDER) if r["metadata"]["name"].startswith("drift-exporter-config")
    )
    assert held["data"].keys() == {"config.yml", "fraud.json", "fraud-1-fraud.json"}
    assert held["data"]["config.yml"] == text


def test_the_readme_has_three_steps_whose_files_are_there(made: Path) -> None:
    text = (made / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\d)\. ", text, re.MULTILINE) == ["1", "2", "3"]
    named = re.findall(r"(?<![\w/])(?:alerting|provisioning|dashboards)/[\w./*-]+", text)
    assert len(named) > 8
    assert [n for n in named if not list(made.glob(n.rstrip("./")))] == []
    assert "| fraud | Risk ML | high | page or ticket |" in text
    assert "`#risk-ml-pages`" in text
    assert "--from-file=ca.pem --from-file=password" in text
    assert "holds what is in `logs` of the configuration" in text


def test_a_reference_that_is_not_there_yet_is_told(tmp_path: Path) -> None:
    configuration(tmp_path)
    (tmp_path / "other" / "fraud.json").unlink()
    assert [n.split(": ")[0] for n in written(tmp_path).notes] == [str(tmp_path / "other" / "fraud.json")]


def test_logs_that_are_where_pods_have_them_keep_their_paths(tmp_path: Path) -> None:
    configuration(tmp_path, CONFIG.replace("logs/", "/var/log/models/a/"))
    written(tmp_path)
    fraud = load_config(tmp_path / "out" / FOLDER / "config.yml").models[0]
    assert fraud.predictions.source.path == "/var/log/models/a/fraud/*.ndjson"


def test_what_was_edited_into_something_else_is_told_by_its_name(folder: Path) -> None:
    (folder / "out" / "alerting" / "rules" / "latency.yml").write_text("groups: [")
    with pytest.raises(BundleError, match=r"^alerting/rules/latency\.yml: is not YAML"):
        written(folder)


def test_a_wrong_configuration_writes_nothing(tmp_path: Path) -> None:
    configuration(tmp_path, "models: []\n")
    with pytest.raises(ConfigurationError, match=r"config\.yml:1: models"):
        written(tmp_path)
    assert not (tmp_path / "out").exists()


def test_the_command_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["bundle", "--config", str(folder / "config.yml"), "--output", str(folder / "out")]
    assert main([*told, "--check"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main([*told, "--exporter-url", "http://e.example.org:10101", "--check"]) == 3
    assert main([*told, "--exporter-url", "http://e.example.org:10101"]) == 0
    out, err = capsys.readouterr()
    assert "+++ b/alerting/rules/links.yml" in out
    assert "alerting/rules/links.yml: updated\n" in err
    links = folder / "out" / "alerting" / "rules" / "links.yml"
    links.write_text("# mine\n" + links.read_text())
    assert main([*told, "--exporter-url", "http://f.example.org:10101"]) == 3
    assert "links.yml: edited by hand, kept, and there is a newer version" in capsys.readouterr().err
    assert main(told) == 0
    assert main([*told, "--exporter-url", "f"]) == 2
    assert main([*told[:4], str(folder / "config.yml")]) == 1


@pytest.mark.parametrize(
    "options", [["--push"], ["--push", "--token-file", "t", "--check"], ["--overwrite"], ["--ca-file", "f"]]
)
def test_options_that_do_not_go_together_are_wrong_usage(options: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["bundle", "--config", "c", "--output", "o", *options])
    assert caught.value.code == 2


def test_what_is_pushed_is_what_is_in_the_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "token").write_text("a-token")
    drawn = folder / "out" / "dashboards" / "json" / "model_detail.json"
    drawn.write_text(drawn.read_text().replace('"title": "Model detail"', '"title": "Mine"'))
    with serving(Grafana()) as grafana:
        told = ["bundle", "--config", str(folder / "config.yml"), "--output", str(folder / "out")]
        pushed = ["--push", "--grafana-url", grafana.url, "--token-file", str(folder / "token")]
        assert main([*told, *pushed, "--folder", "Ours"]) == 0
        assert grafana.dashboards["model-detail"]["dashboard"]["title"] == "Mine"
        assert [*grafana.folders.values()] == ["Ours"]
        assert f"Mine: imported, {grafana.url}/d/model-detail" in capsys.readouterr().err
        (folder / "token").write_text("wrong")
        assert main([*told, *pushed]) == 1
        assert "the token is not accepted" in capsys.readouterr().err


@pytest.mark.servers
def test_the_commands_of_the_readme_run(made: Path, tmp_path: Path) -> None:
    text = (made / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for name in ("prometheus", "alertmanager", "grafana/datasources", "grafana/dashboards", "programs"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("kubectl", "drift-exporter"):
        stub = tmp_path / "programs" / name
        stub.write_text(f"#!/bin/sh\necho {name} $* >> {tmp_path}/said\n")
        stub.chmod(0o755)
    (named,) = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    # Not every Prometheus knows scrape_config_files; what is in the file it takes as well.
    scraping = (made / "provisioning/prometheus/scrape-drift-exporter.yml").read_text()
    assert "scrape_config_files:\n  - scrape-drift-exporter.yml\n" in named
    rules = named.partition("scrape_config_files:")[0]
    (tmp_path / "prometheus" / "prometheus.yml").write_text(rules + scraping)
    environment = {
        "PATH": f"{tmp_path}/programs:{os.environ['PATH']}",
        **{name.upper(): str(tmp_path / name) for name in ("prometheus", "alertmanager", "grafana")},
    }
    commands = "\n".join(blocks).replace("/var/lib/grafana", f"{tmp_path}/var")
    result = subprocess.run(
        ["bash", "-eu", "-c", commands],
        cwd=made,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "EDIT" in result.stdout
    assert len([*(tmp_path / "prometheus" / "rules").iterdir()]) == len(RULE_FILES)
    said = (tmp_path / "said").read_text().splitlines()
    applied = [line.rpartition(" ")[2] for line in said if " apply " in line]
    assert [path for path in applied if not (made / path).exists()] == []
    assert "drift-exporter --from-file=ca.pem --from-file=password" in "\n".join(said)
    assert "--from-file=pagerduty_routing_key --from-file=slack_api_url" in "\n".join(said)
    (pushed,) = (shlex.split(line)[1:] for line in said if line.startswith("drift-exporter "))
    assert build_parser().parse_args(pushed).push


def test_pods_mount_no_secret_where_none_is_named(tmp_path: Path) -> None:
    configuration(tmp_path, re.sub(r"\n +options: .*\n +secrets: .*", "", CONFIG))
    written(tmp_path)
    assert "secrets.patch.yaml" not in {p.name for p in (tmp_path / "out" / FOLDER).iterdir()}
    (pods,) = (r for r in resources(tmp_path / "out", FOLDER) if r["kind"] == "StatefulSet")
    assert "secret" not in {key for v in pods["spec"]["template"]["spec"]["volumes"] for key in v}
