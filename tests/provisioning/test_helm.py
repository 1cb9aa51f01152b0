"""provisioning/helm: the chart makes what the overlays make, and refuses what it does not know."""

import base64
import gzip
import json
import re
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

from support.alerting import ROOT
from support.kustomize import Loader, Resource, build

CHART = ROOT / "provisioning" / "helm" / "drift-exporter"
VALUES = {f.stem: f for f in (ROOT / "provisioning" / "helm" / "values").glob("*.yml")}
KUBERNETES = ROOT / "provisioning" / "kubernetes"
REFERENCE = (KUBERNETES / "base" / "fraud.json").read_text(encoding="utf-8")
# kustomize makes them beside: the chart's user makes a namespace and names a claim that there is.
NOT_OF_THE_CHART = {"Namespace", "PersistentVolumeClaim"}
OPERATORS = {"ServiceMonitor", "PrometheusRule", "AlertmanagerConfig"}


def render(values: dict[str, Any]) -> list[Resource]:
    """All resources of a release in the namespace of the overlays."""
    with helm_python.Chart.load(CHART) as chart:
        texts = chart.render(values, name="drift-exporter", namespace="drift-exporter")
    found = [r for text in texts.values() for r in yaml.load_all(text, Loader) if r]
    assert found
    return found


def values_of(name: str) -> dict[str, Any]:
    """A file of values, with the reference as ``--set-file`` adds it."""
    values: dict[str, Any] = yaml.safe_load(VALUES[name].read_text(encoding="utf-8"))
    return values | {"files": {"fraud.json": REFERENCE}}


def comparable(resources: list[Resource]) -> dict[tuple[str, str], Resource]:
    """By kind and name, without what kustomize and Helm each add."""
    found = {}
    for given in resources:
        resource = json.loads(re.sub(r"(drift-exporter-config)-[a-z0-9]{10}\b", r"\1", json.dumps(given)))
        labels = resource["metadata"].get("labels", {})
        for label in ("app.kubernetes.io/part-of", "app.kubernetes.io/managed-by"):
            labels.pop(label, None)
        resource["metadata"]["labels"] = labels
        if resource["kind"] == "StatefulSet":
            template = resource["spec"]["template"]
            template["metadata"].pop("annotations", None)
            container = template["spec"]["containers"][0]
            container["env"] = container.get("env", [])
            for named in (template["spec"]["volumes"], container["volumeMounts"]):
                named.sort(key=lambda item: item["name"])
        if resource["kind"] == "ConfigMap" and "config.yml" in resource["data"]:
            resource["data"]["config.yml"] = yaml.safe_load(resource["data"]["config.yml"])
        found[resource["kind"], resource["metadata"]["name"]] = resource
    assert len(found) == len(resources)
    return found


def test_there_are_values_for_each_overlay() -> None:
    overlays = sorted(p.name for p in (KUBERNETES / "overlays").iterdir())
    assert overlays == sorted(VALUES)


@pytest.mark.parametrize("name", sorted(VALUES))
def test_a_release_is_what_the_overlay_is(name: str) -> None:
    values = values_of(name) | {"monitoring": {"enabled": False}}
    overlay = [r for r in build(KUBERNETES / "overlays" / name) if r["kind"] not in NOT_OF_THE_CHART]
    assert comparable(overlay) == comparable(render(values))


@pytest.mark.parametrize("version", ["1.28", kubernetes_validate.latest_version()])
def test_every_resource_is_one_of_kubernetes(version: str) -> None:
    for resource in render(values_of("push")):
        if resource["kind"] not in OPERATORS:
            kubernetes_validate.validate(resource, version, strict=True)


def test_rules_routing_and_dashboards_are_those_of_the_kustomization() -> None:
    without = {
        (r["kind"], r["metadata"]["name"])
        for r in render(values_of("push") | {"monitoring": {"enabled": False}})
    }
    made = comparable(render(values_of("push")))
    assert comparable(build(KUBERNETES / "monitoring")) == {k: r for k, r in made.items() if k not in without}


@pytest.mark.parametrize(
    ("part", "kinds"),
    [
        ("serviceMonitor", {"ServiceMonitor"}),
        ("rules", {"PrometheusRule"}),
        ("routing", {"AlertmanagerConfig"}),
        ("dashboards", {"ConfigMap"}),
    ],
)
def test_each_part_of_monitoring_can_be_left_out(part: str, kinds: set[str]) -> None:
    others = {"serviceMonitor", "rules", "routing", "dashboards"} - {part}

    def made(**monitoring: bool) -> set[tuple[str, str]]:
        return {*comparable(render(values_of("push") | {"monitoring": monitoring}))}

    none = made(enabled=False)
    assert {kind for kind, _ in made(**dict.fromkeys(others, False)) - none} == kinds
    assert none == made(**dict.fromkeys({part, *others}, False))


def test_values_reach_their_places() -> None:
    values = values_of("push") | {
        "image": {"repository": "own/image", "tag": "9"},
        "labels": {"owner": "risk-ml"},
        "resources": {"limits": {"memory": "4Gi"}},
        "state": {"size": "1Gi", "storageClassName": "fast"},
        "serviceAccount": {"annotations": {"role": "reader"}},
        "networkPolicy": {"prometheusNamespace": "metrics"},
        "extraArgs": ["--web.enable-lifecycle"],
        "env": [{"name": "A", "value": "b"}],
        "monitoring": {"labels": {"release": "own"}, "links": {"grafana": "https://g"}},
    }
    found = comparable(render(values))
    assert {r["metadata"]["labels"]["owner"] for r in found.values()} == {"risk-ml"}
    spec = found["StatefulSet", "drift-exporter"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert container["image"] == "own/image:9"
    assert container["resources"] == {"limits": {"memory": "4Gi"}}
    assert container["args"][-1] == "--web.enable-lifecycle"
    assert container["env"] == [{"name": "A", "value": "b"}]
    (claim,) = (c["spec"] for c in spec["volumeClaimTemplates"])
    assert (claim["storageClassName"], claim["resources"]["requests"]["storage"]) == ("fast", "1Gi")
    assert found["ServiceAccount", "drift-exporter"]["metadata"]["annotations"] == {"role": "reader"}
    policy = json.dumps(found["NetworkPolicy", "drift-exporter"])
    assert '"kubernetes.io/metadata.name": "metrics"' in policy
    assert '"kubernetes.io/metadata.name": "monitoring"' not in policy
    assert found["ServiceMonitor", "drift-exporter"]["metadata"]["labels"]["release"] == "own"
    links = found["PrometheusRule", "drift-exporter-links"]["spec"]["groups"][0]["rules"][0]["labels"]
    assert links["grafana"] == "https://g"


def test_a_configuration_that_has_changed_restarts_the_pods() -> None:
    def annotations(**more: Any) -> dict[str, str]:  # noqa: ANN401
        values = values_of("push") | {"monitoring": {"enabled": False}} | more
        (found,) = (r for r in render(values) if r["kind"] == "StatefulSet")
        return dict(found["spec"]["template"]["metadata"]["annotations"])

    assert annotations() == annotations()
    assert annotations() != annotations(files={"fraud.json": "{}"})
    assert annotations() != annotations(config={"models": []})


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "the exporter's configuration is needed"),
        ({"config": {"models": []}, "replicsa": 2}, "replicsa"),
        ({"config": {"models": []}, "monitoring": {"links": {"grafana": "https://g/"}}}, "grafana"),
        ({"config": {"models": []}, "service": {"sessionAffinity": "Client"}}, "sessionAffinity"),
    ],
)
def test_what_is_missing_unknown_or_wrong_is_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(helm_python.HelmError, match=told):
        render(values)


def test_a_release_fits_into_the_secret_that_helm_keeps_it_in() -> None:
    files = [f for link in (CHART / "files").iterdir() for f in link.resolve().rglob("*") if f.is_file()]
    chart = b"".join(f.read_bytes() for f in files)
    manifest = yaml.safe_dump_all(render(values_of("push"))).encode()
    assert len(base64.b64encode(gzip.compress(base64.b64encode(chart) + manifest))) < 2**20


def test_helm_has_nothing_to_say_against_it() -> None:
    report = helm_python.lint(CHART, values_of("kafka"), strict=True, kube_version="v1.28.0")
    assert [m for m in report["messages"] if "icon" not in str(m)] == []
