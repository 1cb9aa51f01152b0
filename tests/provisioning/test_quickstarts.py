"""The commands of docs/provisioning.md, run as they stand.

Of programs that need a container engine, a cluster or the network, it is looked at what they are told.
"""

import os
import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path

import helm_python
import pytest
import yaml

from drift_exporter.cli import build_parser
from support.alerting import ROOT, RULE_FILES
from support.kustomize import build

PAGE = ROOT / "docs" / "provisioning.md"
# What is copied or read by the commands.
CHECKOUT = ("alerting", "dashboards", "docker-compose.yml", "provisioning")
SAYS = """#!/bin/sh
printf '%s' "${0##*/}" >> "$SAID"
for word in "$@"; do printf '\\t%s' "$word" >> "$SAID"; done
printf '\\n' >> "$SAID"
"""


@cache
def blocks() -> dict[tuple[str, str], list[str]]:
    """Blocks of code by the heading that they stand under and their language."""
    found: dict[tuple[str, str], list[str]] = {}
    heading = ""
    for part in re.split(r"^(?=#{1,3} |```)", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE):
        if part.startswith("#"):
            heading = part.splitlines()[0].strip("# ")
        elif opened := re.match(r"```(\w+)\n", part):
            found.setdefault((heading, opened[1]), []).append(part[opened.end() :])
    return found


def run(folder: Path, text: str, *stubs: str, **environment: str) -> list[list[str]]:
    """Run commands in a copy of the checkout in ``folder``; returns what the programs ``stubs`` were told."""
    checkout, programs, said = folder / "checkout", folder / "programs", folder / "said"
    checkout.mkdir()
    programs.mkdir()
    for name in CHECKOUT:
        (checkout / name).symlink_to(ROOT / name)
    for name in stubs:
        (programs / name).write_text(SAYS)
        (programs / name).chmod(0o755)
    own = {"PATH": f"{programs}:{os.environ['PATH']}", "SAID": str(said), "HOME": str(folder)}
    result = subprocess.run(
        ["bash", "-eu", "-c", text],
        cwd=checkout,
        env=own | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return [line.split("\t") for line in said.read_text().splitlines()] if said.exists() else []


def test_the_bundle_is_written_and_imported(tmp_path: Path) -> None:
    write, push = blocks()["A bundle for your configuration", "sh"]
    told = run(tmp_path, write + push, "drift-exporter", "git")
    assert [words[0] for words in told] == ["drift-exporter", "git", "drift-exporter"]
    written, pushed = (build_parser().parse_args(words[1:]) for words in told if words[0] != "git")
    assert (written.push, pushed.push) == (False, True)
    assert {written.output, pushed.output} == {Path(told[1][-1])}


def test_the_secrets_for_compose_are_made_before_it_starts(tmp_path: Path) -> None:
    (text,) = blocks()["Compose", "sh"]
    told = run(tmp_path, text, "docker")
    assert told == [["docker", "compose", "up", "--detach", "--wait"]]
    checkout = tmp_path / "checkout"
    environment = dict(
        line.split("=", 1)
        for line in (checkout / ".env").read_text().splitlines()
        if line and not line.startswith("#")
    )
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    folder = checkout / environment["SECRETS"]
    assert {*compose["secrets"]} == {f.name for f in folder.iterdir()}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {f.stat().st_mode & 0o777 for f in folder.iterdir()} == {0o644}


def test_the_addresses_of_compose_are_those_of_its_ports() -> None:
    text = PAGE.read_text(encoding="utf-8")
    told = set(
        re.findall(r"^\| (?:http://)?localhost:(\d+) \| .* \|(?: none| `([\w-]+)`)", text, re.MULTILINE)
    )
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    expected = set()
    for service in compose["services"].values():
        volumes = [v.split(":")[0] for v in service["volumes"] if v.split(":")[0] in compose["volumes"]]
        expected.add((service["ports"][0].split(":")[1], *(volumes or [""])))
    assert expected == told


def test_kafka_of_compose_gets_the_topic_that_is_read(tmp_path: Path) -> None:
    (text,) = blocks()["With Kafka", "sh"]
    (up, create, produce) = run(tmp_path, text + '\nenv >> "$SAID.env"\n', "docker")
    assert up == ["docker", "compose", "up", "--detach", "--wait"]
    config = ROOT / "provisioning" / "compose" / "kafka" / "config.yml"
    (model,) = yaml.safe_load(config.read_text(encoding="utf-8"))["models"]
    for command in (create, produce):
        assert command[command.index("--topic") + 1] == model["predictions"]["source"]["topic"]
        assert command[command.index("--bootstrap-server") + 1] == "localhost:9092"
    environment = dict(line.split("=", 1) for line in Path(f"{tmp_path}/said.env").read_text().splitlines())
    assert environment["COMPOSE_PROFILES"] == "kafka"
    folder = tmp_path / "checkout" / environment["DRIFT_EXPORTER_CONFIG"]
    assert (folder / "config.yml").samefile(config)
    assert (tmp_path / "checkout" / environment["PREDICTION_LOGS"]).is_dir()


@pytest.mark.servers
def test_rules_and_routing_come_to_a_prometheus_and_an_alertmanager_of_ones_own(tmp_path: Path) -> None:
    _, _, copy, check, routing, grafana = blocks()["A Prometheus of your own", "sh"]
    (added,) = blocks()["A Prometheus of your own", "yaml"]
    folders = {name: tmp_path / name.lower() for name in ("PROMETHEUS", "ALERTMANAGER", "GRAFANA")}
    for folder in folders.values():
        folder.mkdir()
    for name in ("datasources", "dashboards"):
        (folders["GRAFANA"] / name).mkdir()
    prometheus = folders["PROMETHEUS"] / "prometheus.yml"
    # scrape_config_files is of a newer promtool than Debian's: the file's job stands in its place.
    own = yaml.safe_load(added)
    (job,) = own.pop("scrape_config_files")
    job = yaml.safe_load((ROOT / "provisioning" / "prometheus" / job).read_text(encoding="utf-8"))
    prometheus.write_text(yaml.safe_dump({**own, **job}))
    grafana = grafana.replace("/var/lib/grafana", str(tmp_path / "grafana-data"))
    variables = {name: str(folder) for name, folder in folders.items()}
    told = run(tmp_path, f"{copy}\n{check}\n{routing}\n{grafana}", "curl", **variables)
    assert told == [["curl", "--request", "POST", "http://localhost:9090/-/reload"]]
    assert [f.name for f in RULE_FILES] == sorted(f.name for f in (prometheus.parent / "rules").iterdir())
    runbooks = ROOT / "alerting" / "runbooks"
    served = prometheus.parent / "assets" / "runbooks"
    assert sorted(f.name for f in runbooks.iterdir()) == sorted(f.name for f in served.iterdir())
    # The provider's folder is the one that the dashboards are copied to.
    (provider,) = yaml.safe_load((folders["GRAFANA"] / "dashboards" / "drift-exporter.yml").read_text())[
        "providers"
    ]
    path = provider["options"]["path"].replace("/var/lib/grafana", str(tmp_path / "grafana-data"))
    dashboards = sorted(f.name for f in (ROOT / "dashboards" / "json").glob("*.json"))
    assert dashboards == sorted(f.name for f in Path(path).iterdir())


def test_the_exporter_is_started_by_verbs_that_there_are(tmp_path: Path) -> None:
    text = blocks()["A Prometheus of your own", "sh"][0]
    told = run(tmp_path, text, "pip", "drift-exporter")
    assert told[0] == ["pip", "install", "."]
    assert [command[1] for command in told[1:]] == ["init", "check-config", "serve"]
    for command in told[1:]:
        assert build_parser().parse_args(command[1:])


def test_the_service_is_installed_where_it_looks_for_the_program(tmp_path: Path) -> None:
    text = blocks()["A Prometheus of your own", "sh"][1]
    for path in ("/opt", "/etc/systemd/system"):
        text = text.replace(path, f"{tmp_path}{path}")
        Path(f"{tmp_path}{path}").mkdir(parents=True)
    pip = tmp_path / "opt" / "drift-exporter" / "bin" / "pip"
    pip.parent.mkdir(parents=True)
    pip.write_text(SAYS)
    pip.chmod(0o755)
    venv, installed, started = run(tmp_path, text, "python3", "systemctl")
    unit = tmp_path / "etc" / "systemd" / "system" / f"{started[-1]}.service"
    program = re.search(r"^ExecStart=(\S+)", unit.read_text(encoding="utf-8"), re.MULTILINE)
    assert program is not None
    assert f"{tmp_path}{program[1]}" == f"{venv[-1]}/bin/drift-exporter"
    assert installed == ["pip", "install", "."]


def kubernetes(folder: Path, heading: str) -> list[list[str]]:
    (text,) = blocks()[heading, "sh"]
    return run(folder, text, "docker", "kubectl", "helm")


def applied(told: list[list[str]]) -> list[Path]:
    """Kustomizations that kubectl applies, in their order."""
    return [ROOT / c[c.index("-k") + 1] for c in told if c[:2] == ["kubectl", "apply"] and "-k" in c]


def made_secret(told: list[list[str]]) -> tuple[str, str, set[str]]:
    """Name, namespace and keys of the Secret that is made."""
    (command,) = (c for c in told if c[:3] == ["kubectl", "create", "secret"])
    keys = {word.removeprefix("--from-file=") for word in command if word.startswith("--from-file=")}
    return command[4], command[command.index("--namespace") + 1], keys


def test_an_overlay_finds_its_image_its_namespace_and_its_secret(tmp_path: Path) -> None:
    told = kubernetes(tmp_path, "Kubernetes")
    (overlay,) = applied(told)
    order = [" ".join(c[:3]) for c in told]
    assert order.index("kubectl create secret") < order.index("kubectl apply -k")
    (namespace,) = (c for c in told if c[:3] == ["kubectl", "apply", "-f"])
    assert order.index("kubectl apply -f") < order.index("kubectl create secret")
    resources = {(r["kind"], r["metadata"]["name"]): r for r in build(overlay)}
    given = yaml.safe_load((ROOT / namespace[3]).read_text(encoding="utf-8"))
    assert ("Namespace", given["metadata"]["name"]) in resources
    pods = resources["StatefulSet", "drift-exporter"]["spec"]["template"]["spec"]
    (built,) = (c[c.index("--tag") + 1] for c in told if c[:2] == ["docker", "build"])
    assert built == pods["containers"][0]["image"]
    assert ["docker", "push", built] in told
    name, where, keys = made_secret(told)
    assert name in {v["secret"]["secretName"] for v in pods["volumes"] if "secret" in v}
    assert where == given["metadata"]["name"]
    text = (overlay / "kustomization.yaml").read_text(encoding="utf-8")
    assert keys == set(re.findall(r"--from-file=(\S+)", text))
    assert ["statefulset/drift-exporter"] == [c[-1] for c in told if c[1] == "rollout"]


def test_helm_finds_the_chart_its_values_and_the_reference(tmp_path: Path) -> None:
    (told,) = kubernetes(tmp_path, "With Helm")
    chart = ROOT / told[4]
    assert told[:4] == ["helm", "upgrade", "--install", "drift-exporter"]
    values = yaml.safe_load((ROOT / told[told.index("--values") + 1]).read_text(encoding="utf-8"))
    key, _, file = told[told.index("--set-file") + 1].partition("=")
    name = key.removeprefix("files.").replace("\\.", ".")
    assert [name] == [model["reference"] for model in values["config"]["models"]]
    with helm_python.Chart.load(chart) as loaded:
        reference = (ROOT / file).read_text(encoding="utf-8")
        loaded.render(values | {"files": {name: reference}}, name=told[3], namespace="drift-exporter")


def test_every_overlay_is_in_the_table_with_its_replicas() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `overlays/([\w-]+)` \| [^|]+ \| (\d+)", text, re.MULTILINE)
    folder = ROOT / "provisioning" / "kubernetes" / "overlays"
    assert sorted(name for name, _ in rows) == sorted(p.name for p in folder.iterdir())
    for name, replicas in rows:
        (found,) = (r for r in build(folder / name) if r["kind"] == "StatefulSet")
        assert found["spec"]["replicas"] == int(replicas)


def test_the_operator_finds_its_secret_and_the_stack_its_values(tmp_path: Path) -> None:
    told = kubernetes(tmp_path, "kube-prometheus-stack")
    (folder,) = applied(told)
    (apply,) = (c for c in told if "-k" in c)
    # A dashboard is larger than the annotation that kubectl writes otherwise.
    assert "--server-side" in apply
    (routing,) = (r for r in build(folder) if r["kind"] == "AlertmanagerConfig")
    text = yaml.safe_dump(routing["spec"])
    name, where, keys = made_secret(told)
    assert where == routing["metadata"]["namespace"]
    named = re.findall(r"key: (\w+)\n\s+name: drift-exporter-alertmanager", text)
    assert name == "drift-exporter-alertmanager"
    assert keys == set(named)
    (helm,) = (c for c in told if c[0] == "helm")
    assert (ROOT / helm[helm.index("--values") + 1]).is_file()
    (labels,) = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))["labels"]
    assert labels["pairs"]["release"] == helm[2]


def test_programs_of_the_page_that_run_here_are_installed() -> None:
    words = {
        shlex.split(line)[0] for text in blocks()["A Prometheus of your own", "sh"] for line in commands(text)
    }
    others = {"pip", "drift-exporter", "curl", "python3", "/opt/drift-exporter/bin/pip", "systemctl"}
    assert words == others | {"mkdir", "cp", "promtool", "amtool"}
    assert [w for w in ("mkdir", "cp", "promtool", "amtool") if shutil.which(w) is None] == []


def commands(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
