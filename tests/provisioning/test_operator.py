"""provisioning/kubernetes/monitoring: the Prometheus Operator's resources and the dashboards' config maps."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import jsonschema
import pytest
import yaml

from support.alerting import ALERTING, ROOT, RULE_FILES, alert_names
from support.kustomize import Resource, build

KUBERNETES = ROOT / "provisioning" / "kubernetes"
SCHEMAS = Path(__file__).parent / "crds"
DASHBOARDS = sorted((ROOT / "dashboards" / "json").glob("*.json"))


@cache
def built() -> list[Resource]:
    """All resources; not to be changed."""
    return build(KUBERNETES / "monitoring")


def of_kind(kind: str) -> dict[str, Resource]:
    return {r["metadata"]["name"]: r for r in built() if r["kind"] == kind}


def test_the_committed_files_belong_to_rules_routing_and_dashboards() -> None:
    command = [sys.executable, str(KUBERNETES / "generate.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", ""), "run `make provisioning`"


def test_generated_files_say_so() -> None:
    files = [
        *(KUBERNETES / "monitoring" / "rules").iterdir(),
        KUBERNETES / "monitoring" / "alertmanagerconfig.yaml",
        ROOT / "dashboards" / "kustomization.yaml",
    ]
    for file in files:
        first = file.read_text(encoding="utf-8").splitlines()[0]
        assert re.fullmatch(
            r"# Generated from .+: edit that, then run `make provisioning`\. DO NOT EDIT\.", first
        )


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        ("ServiceMonitor", "servicemonitor_v1"),
        ("PrometheusRule", "prometheusrule_v1"),
        ("AlertmanagerConfig", "alertmanagerconfig_v1alpha1"),
    ],
)
def test_resources_are_what_the_operator_takes(kind: str, schema: str) -> None:
    validator = jsonschema.Draft7Validator(json.loads((SCHEMAS / f"{schema}.json").read_text()))
    assert of_kind(kind)
    for name, resource in of_kind(kind).items():
        assert [e.message for e in validator.iter_errors(resource)] == [], name
    # The schema refuses what is not known, at any depth.
    broken = json.loads(json.dumps(next(iter(of_kind(kind).values()))))
    broken["spec"]["bogus"] = 1
    assert len(list(validator.iter_errors(broken))) == 1


def test_there_is_a_prometheus_rule_for_each_file_with_all_that_is_in_it() -> None:
    names = {f"drift-exporter-{f.stem.replace('_', '-')}": f for f in RULE_FILES}
    assert set(names) == set(of_kind("PrometheusRule"))
    for name, file in names.items():
        spec = of_kind("PrometheusRule")[name]["spec"]
        shipped = yaml.safe_load(file.read_text(encoding="utf-8"))
        if name == "drift-exporter-links":
            # Its three addresses are of the cluster.
            links = spec["groups"][0]["rules"][0].pop("labels")
            assert set(links) == set(shipped["groups"][0]["rules"][0].pop("labels"))
            assert all(re.fullmatch(r"https://\S+[^/]", url) for url in links.values())
            spec["groups"][0]["rules"][0]["labels"] = links
            shipped["groups"][0]["rules"][0]["labels"] = links
        assert shipped == spec
        # What the API server keeps of one resource.
        assert len(json.dumps(of_kind("PrometheusRule")[name])) < 2**20


@pytest.mark.servers
def test_promtool_accepts_the_rules_as_the_operator_writes_them(tmp_path: Path) -> None:
    for name, resource in of_kind("PrometheusRule").items():
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(resource["spec"]), encoding="utf-8")
    files = sorted(map(str, tmp_path.iterdir()))
    result = subprocess.run(
        ["promtool", "check", "rules", *files], capture_output=True, text=True, check=False, timeout=120
    )
    assert result.returncode == 0, result.stdout + result.stderr
    alerts = {
        rule["alert"]
        for r in of_kind("PrometheusRule").values()
        for group in r["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert alert_names() == sorted(alerts)


def test_the_service_is_found_once_and_scraped_as_the_rules_want_it() -> None:
    (monitor,) = of_kind("ServiceMonitor").values()
    wanted = monitor["spec"]["selector"]["matchLabels"]
    services = [r for r in build(KUBERNETES / "overlays" / "kafka") if r["kind"] == "Service"]
    found = [s for s in services if wanted.items() <= s["metadata"]["labels"].items()]
    assert ["drift-exporter"] == [s["metadata"]["name"] for s in found]
    assert monitor["metadata"]["namespace"] == found[0]["metadata"]["namespace"]
    (endpoint,) = monitor["spec"]["endpoints"]
    assert {endpoint["port"]} == {p["name"] for p in found[0]["spec"]["ports"]}
    assert endpoint["interval"] == "15s"
    assert found[0]["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "drift-exporter"
    rules = (ALERTING / "rules" / "exporter.yml").read_text(encoding="utf-8")
    assert 'job="drift-exporter"' in rules


def test_all_that_the_operator_selects_has_the_label_of_the_release() -> None:
    text = (KUBERNETES / "monitoring" / "kustomization.yaml").read_text(encoding="utf-8")
    (release,) = re.findall(r"pairs: \{release: ([\w-]+)\}", text)
    labels = {r["metadata"]["name"]: r["metadata"].get("labels", {}).get("release") for r in built()}
    assert set(labels.values()) == {release}
    assert "release" not in json.dumps(
        [r["spec"] for r in built() if "spec" in r and "selector" in r["spec"]]
    )


def test_each_dashboard_is_a_config_map_for_the_sidecar_unchanged_and_small_enough() -> None:
    maps = of_kind("ConfigMap")
    assert len(maps) == len(DASHBOARDS)
    held = {name: text for m in maps.values() for name, text in m["data"].items()}
    assert {f.name: f.read_text(encoding="utf-8") for f in DASHBOARDS} == held
    for config_map in maps.values():
        assert config_map["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert len(config_map["data"]) == 1
        assert len(json.dumps(config_map).encode()) < 2**20


def test_the_values_for_the_stack_are_what_the_resources_need() -> None:
    values = yaml.safe_load((KUBERNETES / "kube-prometheus-stack.values.yml").read_text(encoding="utf-8"))
    spec = values["alertmanager"]["alertmanagerSpec"]
    # Alerts are about models: they have no label of a namespace that the operator could route by.
    assert spec["alertmanagerConfigMatcherStrategy"] == {"type": "None"}
    # The stack's Alertmanager remembers for 120 hours what it has sent.
    repeated = (KUBERNETES / "monitoring" / "alertmanagerconfig.yaml").read_text(encoding="utf-8")
    assert max(int(h) for h in re.findall(r"repeatInterval: (\d+)h", repeated)) < 120
    assert "retention" not in spec
    sidecar = values["grafana"]["sidecar"]["dashboards"]
    annotations = {k for m in of_kind("ConfigMap").values() for k in m["metadata"]["annotations"]}
    assert {sidecar["folderAnnotation"]} == annotations
    assert sidecar["provider"]["foldersFromFilesStructure"] is True
    labels = {m["metadata"]["labels"][sidecar["label"]] for m in of_kind("ConfigMap").values()}
    assert {sidecar["labelValue"]} == labels
    assert sidecar["searchNamespace"] == "ALL"
