"""provisioning/kubernetes: what each overlay makes, by Kubernetes' schemas and by what we promise of it."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from drift_exporter.cli import build_parser
from drift_exporter.config import check_config
from drift_exporter.reference.store import load_reference
from support.alerting import ROOT
from support.kustomize import Resource, build, build_by, build_here, builder

KUBERNETES = ROOT / "provisioning" / "kubernetes"
OVERLAYS = sorted(p.name for p in (KUBERNETES / "overlays").iterdir())
# The first that has what the overlays use, and the newest that there are schemas of.
VERSIONS = ("1.28", kubernetes_validate.latest_version())
# Those that are not Kubernetes' own have a test of their own.
OWN_KINDS = {"ServiceMonitor", "PrometheusRule", "AlertmanagerConfig"}


@cache
def built(overlay: str) -> list[Resource]:
    """Resources of an overlay; not to be changed."""
    return build(KUBERNETES / "overlays" / overlay)


def one(overlay: str, kind: str, name: str = "drift-exporter") -> Resource:
    """The resource of a kind and a name, without the suffix of a generated one."""
    names = re.compile(rf"{name}(-[a-z0-9]{{10}})?")
    (found,) = (
        r for r in built(overlay) if r["kind"] == kind and names.fullmatch(str(r["metadata"]["name"]))
    )
    return found


def pod(overlay: str) -> Resource:
    """The pods' specification."""
    return dict(one(overlay, "StatefulSet")["spec"]["template"]["spec"])


def container(overlay: str) -> Resource:
    (only,) = pod(overlay)["containers"]
    return dict(only)


def configuration(overlay: str) -> Resource:
    data = one(overlay, "ConfigMap", "drift-exporter-config")["data"]
    return dict(yaml.safe_load(data["config.yml"]))


def test_there_is_an_overlay_for_each_way_records_come() -> None:
    assert ["files", "files-shards", "kafka", "push"] == OVERLAYS


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("folder", [*(f"overlays/{o}" for o in OVERLAYS), "monitoring"])
def test_every_resource_is_one_of_kubernetes(folder: str, version: str) -> None:
    resources = built(folder.partition("/")[2]) if "/" in folder else build(KUBERNETES / folder)
    checked = [r for r in resources if r["kind"] not in OWN_KINDS]
    assert checked
    for resource in checked:
        kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize("folder", [*(f"overlays/{o}" for o in OVERLAYS), "monitoring"])
def test_the_small_builder_of_the_tests_makes_what_kustomize_makes(folder: str) -> None:
    command = builder()
    if command is None:
        pytest.skip("neither kustomize nor kubectl is installed")

    def comparable(resources: list[Resource]) -> list[str]:
        texts = (yaml.safe_dump(r, sort_keys=True) for r in resources)
        return sorted(re.sub(r"(drift-exporter-config)-[a-z0-9]{10}\b", r"\1", text) for text in texts)

    expected = comparable(build_by(command, KUBERNETES / folder))
    assert expected == comparable(build_here(KUBERNETES / folder))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_is_made_twice_and_all_is_in_one_namespace(overlay: str) -> None:
    names = [(r["kind"], r["metadata"]["name"]) for r in built(overlay)]
    assert len(names) == len({*names})
    namespaces = {r["metadata"].get("namespace") for r in built(overlay) if r["kind"] != "Namespace"}
    assert {one(overlay, "Namespace")["metadata"]["name"]} == namespaces


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_keep_the_strictest_security_standard(overlay: str) -> None:
    labels = one(overlay, "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    own = {"runAsNonRoot": True, "runAsUser": 10101, "runAsGroup": 10101, "fsGroup": 10101}
    assert own.items() <= pod(overlay)["securityContext"].items()
    assert pod(overlay)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(overlay)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod(overlay)["automountServiceAccountToken"] is False
    account = one(overlay, "ServiceAccount", pod(overlay)["serviceAccountName"])
    assert account["automountServiceAccountToken"] is False
    # hostPath, and the namespaces of the host, are not for them.
    assert [v for v in pod(overlay)["volumes"] if "hostPath" in v] == []
    assert [key for key in pod(overlay) if key.startswith("host")] == []
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert user is not None
    assert {user[1], user[2]} == {str(own["runAsUser"])}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_mounted_is_there_and_only_the_state_and_tmp_can_be_written(overlay: str) -> None:
    claims = {c["metadata"]["name"] for c in one(overlay, "StatefulSet")["spec"]["volumeClaimTemplates"]}
    volumes = {v["name"]: v for v in pod(overlay)["volumes"]}
    mounts = {m["mountPath"]: m for m in container(overlay)["volumeMounts"]}
    assert {m["name"] for m in mounts.values()} == claims | set(volumes)
    assert {p for p, m in mounts.items() if not m.get("readOnly")} == {"/tmp", "/var/lib/drift-exporter"}  # noqa: S108
    assert mounts["/var/lib/drift-exporter"]["name"] in claims
    assert configuration(overlay)["state_dir"] == "/var/lib/drift-exporter"
    for volume in volumes.values():
        if "configMap" in volume:
            assert one(overlay, "ConfigMap", volume["configMap"]["name"])
        if "persistentVolumeClaim" in volume:
            assert one(overlay, "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_it_is_probed_bounded_and_spread(overlay: str) -> None:
    found = container(overlay)
    probes = {kind: found[kind]["httpGet"] for kind in found if kind.endswith("Probe")}
    assert probes == {
        "startupProbe": {"path": "/-/healthy", "port": "http"},
        "livenessProbe": {"path": "/-/healthy", "port": "http"},
        "readinessProbe": {"path": "/-/ready", "port": "http"},
    }
    assert {"cpu", "memory"} == set(found["resources"]["requests"]) == set(found["resources"]["limits"])
    labels = one(overlay, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    spread = pod(overlay)["topologySpreadConstraints"]
    assert {s["topologyKey"] for s in spread} == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    selectors = [
        *(s["labelSelector"]["matchLabels"] for s in spread),
        one(overlay, "StatefulSet")["spec"]["selector"]["matchLabels"],
        one(overlay, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one(overlay, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        one(overlay, "Service")["spec"]["selector"],
        one(overlay, "Service", "drift-exporter-pods")["spec"]["selector"],
    ]
    assert all(selector.items() <= labels.items() for selector in selectors)
    assert one(overlay, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert one(overlay, "StatefulSet")["spec"]["serviceName"] == "drift-exporter-pods"
    ports = {p["name"]: p["containerPort"] for p in found["ports"]}
    assert one(overlay, "Service")["spec"]["ports"] == [
        {"name": "http", "port": ports["http"], "targetPort": "http"}
    ]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_command_line_is_one_that_the_program_understands(overlay: str) -> None:
    arguments = [a.replace("$(SHARD)", "2") for a in container(overlay)["args"]]
    told = build_parser().parse_args(arguments)
    mounts = {m["mountPath"]: m["name"] for m in container(overlay)["volumeMounts"]}
    assert mounts[str(told.config.parent)] == "config"
    assert told.config.name in one(overlay, "ConfigMap", "drift-exporter-config")["data"]
    port = container(overlay)["ports"][0]["containerPort"]
    assert f"--web.listen-address=:{port}" in arguments


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_configuration_is_valid_with_its_reference(overlay: str, tmp_path: Path) -> None:
    for name, text in one(overlay, "ConfigMap", "drift-exporter-config")["data"].items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    checked = check_config(tmp_path / "config.yml")
    assert checked.problems == ()
    (model,) = checked.config.models
    assert load_reference(tmp_path / model.reference).model == model.name
    # A ConfigMap holds 1 MiB at most.
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) < 2**20


def test_shards_are_numbered_as_their_pods_are() -> None:
    spec = one("files-shards", "StatefulSet")["spec"]
    assert spec["ordinals"] == {"start": 1}
    (shard,) = (a for a in container("files-shards")["args"] if a.startswith("--shard="))
    assert shard == f"--shard=$(SHARD)/{spec['replicas']}"
    (variable,) = container("files-shards")["env"]
    assert variable["name"] == "SHARD"
    path = variable["valueFrom"]["fieldRef"]["fieldPath"]
    assert path == "metadata.labels['apps.kubernetes.io/pod-index']"
    assert [a for a in container("files")["args"] if "shard" in a] == []


def test_files_are_read_from_where_the_logs_are_mounted() -> None:
    (model,) = configuration("files")["models"]
    pattern = Path(model["predictions"]["source"]["path"])
    paths = {m["mountPath"] for m in container("files")["volumeMounts"] if m["name"] == "prediction-logs"}
    assert paths & {str(p) for p in pattern.parents}


def secrets_read(value: Any) -> set[Path]:  # noqa: ANN401
    """All paths below /run/secrets in a configuration."""
    if isinstance(value, dict):
        return set().union(*(secrets_read(v) for v in value.values()))
    if isinstance(value, list):
        return set().union(*(secrets_read(v) for v in value))
    return {Path(value)} if isinstance(value, str) and value.startswith("/run/secrets/") else set()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_secrets_are_files_of_a_secret_that_the_overlay_says_how_to_make(overlay: str) -> None:
    read = secrets_read(configuration(overlay))
    assert bool(read) == (overlay in ("kafka", "push"))
    mounts = {m["mountPath"]: m["name"] for m in container(overlay)["volumeMounts"]}
    volumes = {v["name"]: v for v in pod(overlay)["volumes"]}
    text = (KUBERNETES / "overlays" / overlay / "kustomization.yaml").read_text(encoding="utf-8")
    assert {path.name for path in read} == set(re.findall(r"--from-file=(\S+)", text))
    for path in read:
        secret = volumes[mounts[str(path.parent)]]["secret"]
        assert f"kubectl create secret generic {secret['secretName']} --namespace drift-exporter" in text
        # Readable for the group of the pods, and for nobody else.
        assert secret["defaultMode"] == 0o440
    assert [r for r in built(overlay) if r["kind"] == "Secret"] == []


def peers(overlay: str, direction: str) -> list[tuple[dict[str, str], dict[str, str], list[Any]]]:
    """Whom the policy lets through: labels of the namespace, labels of the pods, ports."""
    end = {"ingress": "from", "egress": "to"}[direction]
    return [
        (
            peer.get("namespaceSelector", {}).get("matchLabels", {}),
            peer.get("podSelector", {}).get("matchLabels", {}),
            [port["port"] for port in rule["ports"]],
        )
        for rule in one(overlay, "NetworkPolicy")["spec"][direction]
        for peer in rule[end]
    ]


def in_namespace(name: str) -> dict[str, str]:
    return {"kubernetes.io/metadata.name": name}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_network_policy_lets_through_what_is_configured_and_nothing_else(overlay: str) -> None:
    assert one(overlay, "NetworkPolicy")["spec"]["policyTypes"] == ["Ingress", "Egress"]
    scrapes = (in_namespace("monitoring"), {"app.kubernetes.io/name": "prometheus"}, ["http"])
    pushes: Any = ({}, {"drift-exporter/push": "allowed"}, ["http"])
    names = (in_namespace("kube-system"), {"k8s-app": "kube-dns"}, [53, 53])
    assert peers(overlay, "ingress") == ([scrapes, pushes] if overlay == "push" else [scrapes])
    if overlay != "kafka":
        assert peers(overlay, "egress") == [names]
        return
    brokers = configuration("kafka")["models"][0]["predictions"]["source"]["brokers"]
    _, _, namespace_and_port = brokers.partition(".")
    namespace, _, port = namespace_and_port.partition(".svc:")
    assert peers("kafka", "egress") == [names, (in_namespace(namespace), {}, [int(port)])]


def test_what_is_sent_again_comes_to_the_same_replica() -> None:
    affinity = {o: one(o, "Service")["spec"].get("sessionAffinity") for o in OVERLAYS}
    assert affinity == {"files": None, "files-shards": None, "kafka": None, "push": "ClientIP"}
    headless = one("push", "Service", "drift-exporter-pods")["spec"]
    assert "sessionAffinity" not in headless
    (model,) = configuration("push")["models"]
    assert "deduplicate" in model["predictions"]
