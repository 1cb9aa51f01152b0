"""Receivers and examples that are commented in and out as docs/alerting.md says."""

import itertools
import json
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest

from drift_exporter.bundle.alertmanager_config import alertmanager_config
from drift_exporter.bundle.template_text import definitions
from support.alerting import ROOT
from support.routing import (
    EXAMPLES,
    KINDS,
    LONGER,
    NEEDS_0_28,
    OFF,
    ON,
    SHIPPED,
    TEMPLATES,
    amtool,
    commands,
    commented,
    kinds_of,
    loaded,
    only,
    version,
)

pytestmark = pytest.mark.servers
SCHEMA = ROOT / "tests" / "provisioning" / "crds" / "alertmanagerconfig_v1alpha1.json"
CONFIGS = {kind: f"{kind}_configs" for kind in KINDS} | {"msteams": "msteamsv2_configs"}
PAGE = (ROOT / "docs" / "alerting.md").read_text(encoding="utf-8")
SECRETS = {
    *("api_key", "api_url", "auth_password", "auth_secret", "bearer_token", "credentials", "password"),
    *("routing_key", "service_key", "token", "webhook_url"),
}


def accepted(path: Path) -> None:
    """What amtool knows is accepted by it, and all of it by the schema of the Prometheus Operator."""
    config = loaded(path)
    defined = definitions((TEMPLATES / "drift_exporter.tmpl").read_text(encoding="utf-8"))
    resource = alertmanager_config(config, defined)
    jsonschema.validate(resource, json.loads(SCHEMA.read_text(encoding="utf-8")))
    if version() < LONGER[NEEDS_0_28]:
        for receiver in config["receivers"]:
            receiver.pop(CONFIGS[NEEDS_0_28], None)
        path = path.with_name("known.yml")
        path.write_text(json.dumps(config))
    assert "SUCCESS" in amtool("check-config", path)


def told(path: Path) -> dict[str, set[str]]:
    """The kinds that each receiver has."""
    return {r["name"]: {*kinds_of(r)} for r in loaded(path)["receivers"]}


def test_names_of_blocks_are_those_of_the_tests_and_of_the_page() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    begun, ended = (re.findall(rf"^ *# (\S+): {word}$", text, re.MULTILINE) for word in ("begin", "end"))
    assert begun == ended
    assert {*KINDS, *EXAMPLES} == {*begun}
    assert {*re.findall(r"^\| `(\w+)` \| (?:on|off|for)", PAGE, re.MULTILINE)} == {*KINDS}
    assert all(f"`{name}`" in PAGE for name in EXAMPLES)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_alone_is_all_that_anybody_is_told_by(kind: str, tmp_path: Path) -> None:
    path = only(tmp_path, kind)
    accepted(path)
    (row,) = re.findall(rf"^\| `{kind}` \|(.+)\|$", PAGE, re.MULTILINE)
    _, since, *cells, _ = (cell.strip() for cell in row.split("|"))
    assert tuple(map(int, since.split("."))) == LONGER.get(kind, (0, 25))
    page, ticket, digest = (cell == "yes" for cell in cells)
    has = {"pages": page, "sre-pages": page, "tickets": ticket, "sre": ticket, "digest": digest}
    assert {name: {CONFIGS[kind]} if there else set() for name, there in has.items()} == told(path)


@pytest.mark.parametrize("pair", [*itertools.combinations(KINDS, 2)], ids="+".join)
def test_two_kinds_are_beside_each_other(pair: tuple[str, str], tmp_path: Path) -> None:
    path = only(tmp_path, *pair)
    assert {CONFIGS[kind] for kind in pair} == {kind for kinds in told(path).values() for kind in kinds}
    assert {CONFIGS[kind] for kind in pair} == told(path)["pages"]


def test_all_are_beside_each_other_with_all_examples(tmp_path: Path) -> None:
    path = commented(tmp_path, [*OFF, *EXAMPLES, "webhook"])
    accepted(path)
    assert {*CONFIGS.values()} == told(path)["pages"]
    assert "# " not in "".join(
        re.findall(r"^ *# \S+: begin\n(.*?)^ *# \S+: end$", path.read_text(), re.MULTILINE | re.DOTALL)
    )


def test_with_none_nobody_is_told(tmp_path: Path) -> None:
    path = only(tmp_path)
    accepted(path)
    assert {name: set() for name in ("pages", "tickets", "sre-pages", "sre", "digest")} == told(path)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_alone_is_accepted(name: str, tmp_path: Path) -> None:
    accepted(commented(tmp_path, ["team", "retraining", name] if name == "team-retraining" else [name]))


def test_commenting_twice_is_commenting_once_and_back_again_is_what_was_there(tmp_path: Path) -> None:
    shipped = loaded(SHIPPED)
    once = commented(tmp_path / "once", [*OFF, *EXAMPLES]).read_text()
    path = commented(tmp_path / "twice", [*OFF, *EXAMPLES, *OFF, *EXAMPLES])
    assert once == path.read_text()
    commented(path.parent, out=[*OFF, *EXAMPLES, *OFF])
    assert shipped == loaded(path)
    commented(path.parent, out=[*ON, *ON])
    commented(path.parent, ["pagerduty", "slack"])
    assert {"pagerduty_configs", "slack_configs"} == told(path)["pages"]


def test_no_secret_is_in_the_configuration_whatever_is_commented_in(tmp_path: Path) -> None:
    config = loaded(commented(tmp_path, [*OFF, *EXAMPLES, "webhook"]))
    items = [item for r in config["receivers"] for items in kinds_of(r).values() for item in items]
    named = {key for item in items for key in item}
    # Opsgenie's has no secret in it.
    assert named & SECRETS == {"api_url"}
    assert {i["api_url"] for i in items if "api_url" in i} == {"https://api.opsgenie.com/"}
    for item in items:
        authorization = item.get("http_config", {}).get("authorization", {})
        assert [key for key in {*item, *authorization} if key.endswith("_file")]


def test_the_page_tells_which_secrets_each_kind_reads() -> None:
    for kind in KINDS:
        (row,) = re.findall(rf"^\| `{kind}` \|.+\|$", PAGE, re.MULTILINE)
        text = SHIPPED.read_text(encoding="utf-8")
        blocks = re.findall(rf"^ *# {kind}: begin\n(.*?)^ *# {kind}: end$", text, re.MULTILINE | re.DOTALL)
        read = {*re.findall(r"/run/secrets/(\w+)", "".join(blocks))}
        assert read
        assert read == {*re.findall(r"`(\w+)`", row)} - {kind}


@pytest.mark.parametrize("section", ["Choose receivers", "Teams", "Retraining"])
def test_the_commands_of_the_page_work_one_after_the_other(section: str, tmp_path: Path) -> None:
    (own,) = re.findall(rf"^## {section}$(.+?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    blocks = [b for b in re.findall(r"```sh\n(.+?)```", own, re.DOTALL) if "silence" not in b]
    assert blocks
    commented(tmp_path)
    script = "\n".join([commands(), *blocks])
    result = subprocess.run(
        ["sh", "-eu"], input=script, capture_output=True, text=True, check=True, cwd=tmp_path, timeout=60
    )
    assert result.stdout.strip().endswith("pages-risk-ml" if section == "Teams" else "SUCCESS")


def test_teams_of_the_page_are_routed_as_in_the_block() -> None:
    (own,) = (
        b
        for b in re.findall(r"```yaml\n(.+?)```", PAGE, re.DOTALL)
        if b.count("team=") == 1 and "continue" not in b
    )
    text = SHIPPED.read_text(encoding="utf-8")
    assert re.sub(r"(?m)^        ", "        # ", own) in text


def test_the_commands_in_the_file_do_what_those_of_the_page_do(tmp_path: Path) -> None:
    shown = re.findall(r"^#   (sed .+)$", SHIPPED.read_text(encoding="utf-8"), re.MULTILINE)
    by_file, by_page = commented(tmp_path / "file"), commented(tmp_path / "page", ["email"], ["slack"])
    for command in shown:
        subprocess.run(["sh", "-eu", "-c", command], check=True, cwd=by_file.parent, timeout=60)
    assert by_page.read_text() == by_file.read_text()
    assert {"pagerduty_configs", "email_configs"} == told(by_file)["pages"]
