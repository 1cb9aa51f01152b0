"""docker-compose.yml: valid, pinned, on the loopback only, and everything it mounts is there."""

import base64
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.alerting import ROOT

COMPOSE = ROOT / "docker-compose.yml"
SERVICES = ("exporter", "prometheus", "alertmanager", "grafana", "node-exporter", "kafka")


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE.read_text(encoding="utf-8")))


def mounts(service: str) -> dict[str, str]:
    """What a service mounts: path in the container to what is outside."""
    split = [
        re.fullmatch(r"(\$\{[^}]*\}|[^:]+):([^:]+)(:ro(,rslave)?)?", v)
        for v in compose()["services"][service]["volumes"]
    ]
    return {m[2]: m[1] for m in split if m}


def test_it_follows_the_compose_specification() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(COMPOSE),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    assert {*SERVICES} == {*compose()["services"]}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_pinned_confined_checked_and_on_the_loopback_only(service: str) -> None:
    config = compose()["services"][service]
    assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+\.\d+", config["image"])
    assert config["read_only"] is True
    assert config["cap_drop"] == ["ALL"]
    assert config["security_opt"] == ["no-new-privileges:true"]
    assert "/tmp" in config["tmpfs"]  # noqa: S108
    assert {"mem_limit", "cpus", "pids_limit"} <= set(config)
    assert re.fullmatch(r"[1-9]\d*:\d+", config["user"])
    assert [key for key in ("privileged", "cap_add", "network_mode", "devices") if key in config] == []
    assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in config["ports"])
    assert len(config["ports"]) == 1
    if service == "exporter":
        assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    else:
        assert config["healthcheck"]["test"][0] == "CMD"
        assert config["ports"][0].split(":")[1] in config["healthcheck"]["test"][-1]


def test_only_kafka_waits_for_its_profile_and_is_waited_for_where_it_runs() -> None:
    profiles = {name: service.get("profiles") for name, service in compose()["services"].items()}
    assert {name for name, profile in profiles.items() if profile} == {"kafka"}
    assert profiles["kafka"] == ["kafka"]
    needed = compose()["services"]["exporter"]["depends_on"]
    assert needed == {"kafka": {"condition": "service_healthy", "required": False}}


def test_users_are_those_that_own_what_the_images_write_to() -> None:
    users = {name: service["user"] for name, service in compose()["services"].items()}
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f"USER {users['exporter']}\n" in dockerfile
    assert users["prometheus"] == users["alertmanager"] == users["node-exporter"] == "65534:65534"


def test_nothing_of_the_host_but_what_node_exporter_reads_is_seen() -> None:
    for name, service in compose()["services"].items():
        outside = [o for o in mounts(name).values() if o.startswith("/")]
        assert outside == (["/"] if name == "node-exporter" else [])
        assert service.get("pid") == ("host" if name == "node-exporter" else None)
    assert "/:/host:ro,rslave" in compose()["services"]["node-exporter"]["volumes"]
    assert "--path.rootfs=/host" in compose()["services"]["node-exporter"]["command"]


def test_kafka_is_one_broker_that_is_its_own_controller_and_keeps_its_data() -> None:
    service = compose()["services"]["kafka"]
    environment = service["environment"]
    assert environment["KAFKA_PROCESS_ROLES"] == "broker,controller"
    listeners = dict(item.split("://") for item in environment["KAFKA_LISTENERS"].split(","))
    advertised = dict(item.split("://") for item in environment["KAFKA_ADVERTISED_LISTENERS"].split(","))
    controller = environment["KAFKA_CONTROLLER_LISTENER_NAMES"]
    assert environment["KAFKA_CONTROLLER_QUORUM_VOTERS"] == (
        f"{environment['KAFKA_NODE_ID']}@{listeners[controller]}"
    )
    assert set(listeners) - set(advertised) == {controller}
    assert {name: f":{at.rpartition(':')[2]}" for name, at in advertised.items()} == {
        name: at for name, at in listeners.items() if name != controller
    }
    assert service["ports"] == [f"127.0.0.1:{advertised['LOCAL'].rpartition(':')[2]}:9092"]
    assert advertised["INTERNAL"].partition(":")[0] == "kafka"
    assert environment["KAFKA_LOG_DIRS"] in mounts("kafka")
    replication = {k: v for k, v in environment.items() if "REPLICATION" in k or "ISR" in k}
    assert set(replication.values()) == {"1"}
    assert len(base64.urlsafe_b64decode(environment["CLUSTER_ID"] + "==")) == 16


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_mounts_is_in_the_checkout_or_a_volume_or_said_by_the_user(service: str) -> None:
    found = mounts(service)
    assert len(found) == len(compose()["services"][service]["volumes"])
    for outside in found.values():
        if outside.startswith("./"):
            assert (ROOT / outside).exists(), outside
        elif outside.startswith("${"):
            assert ":?" in outside
        elif outside == "/":
            assert service == "node-exporter"
        else:
            assert outside in compose()["volumes"]


def test_there_is_no_password_and_no_default_for_one() -> None:
    for secret in compose()["secrets"].values():
        assert re.fullmatch(r"\$\{SECRETS:\?[^}]+\}/\w+", secret["file"])
    environment = compose()["services"]["grafana"]["environment"]
    assert ("GF_SECURITY_ADMIN_PASSWORD__FILE", "/run/secrets/grafana_admin_password") in environment.items()
    assert [name for name in environment if "PASSWORD" in name and not name.endswith("__FILE")] == []


def test_alertmanager_gets_the_secrets_that_its_configuration_names() -> None:
    text = (ROOT / "alerting/alertmanager/alertmanager.yml").read_text(encoding="utf-8")
    # Those of receivers that are commented out are to be added with them.
    named = set(re.findall(r"^[^#\n]*/run/secrets/(\w+)", text, re.MULTILINE))
    assert named == {*compose()["services"]["alertmanager"]["secrets"]}
    assert named | {"grafana_admin_password"} == {*compose()["secrets"]}


def test_alertmanager_remembers_longer_than_its_longest_repetition() -> None:
    # It does so for 120 hours, unless it is told otherwise.
    assert "--data.retention" not in " ".join(compose()["services"]["alertmanager"]["command"])
    text = (ROOT / "alerting/alertmanager/alertmanager.yml").read_text(encoding="utf-8")
    assert max(int(h) for h in re.findall(r"repeat_interval: (\d+)h", text)) < 120


@pytest.mark.servers
def test_prometheus_configuration_is_valid_with_the_paths_of_the_container(tmp_path: Path) -> None:
    text = (ROOT / "provisioning/prometheus/prometheus.compose.yml").read_text(encoding="utf-8")
    inside = {**mounts("prometheus")}
    assert inside["/etc/prometheus/prometheus.yml"] == "./provisioning/prometheus/prometheus.compose.yml"
    text = text.replace("/etc/prometheus/rules", str(ROOT / inside["/etc/prometheus/rules"]))
    (tmp_path / "prometheus.yml").write_text(text)
    command = ["promtool", "check", "config", str(tmp_path / "prometheus.yml")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    files = len(list((ROOT / "alerting" / "rules").glob("*.yml")))
    assert f"{files} rule files found" in result.stdout
    targets = re.findall(r"targets: \['([a-z-]+):(\d+)'\]", text)
    assert {name for name, _ in targets} == {"exporter", "alertmanager", "grafana", "node-exporter"}
    for name, port in targets:
        assert compose()["services"][name]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_runbooks_are_served_where_notifications_link_to() -> None:
    prometheus = compose()["services"]["prometheus"]
    (assets,) = re.findall(r"--web\.user-assets=(\S+)", " ".join(prometheus["command"]))
    assert mounts("prometheus")[f"{assets}/runbooks"] == "./alerting/runbooks"
    links = yaml.safe_load((ROOT / "alerting/rules/links.yml").read_text(encoding="utf-8"))
    urls = links["groups"][0]["rules"][0]["labels"]
    ports = {name: compose()["services"][name]["ports"][0].split(":")[1] for name in SERVICES}
    assert urls == {
        "grafana": f"http://localhost:{ports['grafana']}",
        "exporter": f"http://localhost:{ports['exporter']}",
        "runbooks": f"http://localhost:{ports['prometheus']}/user/runbooks",
    }


def test_grafana_finds_its_dashboards_and_data_sources() -> None:
    folder = ROOT / "provisioning/grafana"
    (provider,) = yaml.safe_load((folder / "dashboards/drift-exporter.yml").read_text())["providers"]
    inside = mounts("grafana")
    assert inside[provider["options"]["path"]] == "./dashboards/json"
    assert inside["/etc/grafana/provisioning/dashboards"] == "./provisioning/grafana/dashboards"
    assert inside["/etc/grafana/provisioning/datasources"] == "./provisioning/grafana/datasources"
    environment = compose()["services"]["grafana"]["environment"]
    sources = yaml.safe_load((folder / "datasources/drift-exporter.yml").read_text())["datasources"]
    for source in sources:
        name, port = re.fullmatch(
            r"http://(\w+):(\d+)", environment[source["url"].removeprefix("$")]
        ).groups()
        assert name == source["type"]
        assert compose()["services"][name]["ports"] == [f"127.0.0.1:{port}:{port}"]
    (prometheus,) = [s for s in sources if s["type"] == "prometheus"]
    assert prometheus["jsonData"]["alertmanagerUid"] in {s["uid"] for s in sources}


def test_the_example_of_an_environment_has_what_compose_asks_for() -> None:
    text = (ROOT / "provisioning/compose/env.example").read_text(encoding="utf-8")
    given = dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
    asked = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text(encoding="utf-8")))
    assert set(given) == asked
    assert all(given.values())


def test_contact_points_are_off_and_name_secrets_that_grafana_has() -> None:
    folder = ROOT / "provisioning/grafana/alerting"
    assert mounts("grafana")["/etc/grafana/provisioning/alerting"] == "./provisioning/grafana/alerting"
    # Grafana reads what ends in one of these.
    assert [f for f in folder.iterdir() if f.suffix in (".yml", ".yaml", ".json")] == []
    (file,) = folder.iterdir()
    text = file.read_text(encoding="utf-8")
    points = yaml.safe_load(text)["contactPoints"]
    receivers = [receiver for point in points for receiver in point["receivers"]]
    assert {r["type"] for r in receivers} == {"prometheus-alertmanager", "slack", "pagerduty"}
    assert len({r["uid"] for r in receivers}) == len(receivers)
    assert len({p["name"] for p in points}) == len(points)
    grafana = compose()["services"]["grafana"]
    files = set(re.findall(r"\$__file\{/run/secrets/(\w+)\}", text))
    assert files | {"grafana_admin_password"} == {*grafana["secrets"]}
    assert set(re.findall(r"\$([A-Z]\w+)", text)) <= {*grafana["environment"]}
