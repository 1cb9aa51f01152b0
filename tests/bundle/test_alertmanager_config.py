"""AlertmanagerConfig of an Alertmanager configuration: the shipped routing, and in general."""

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from drift_exporter.bundle.alertmanager_config import UnconvertibleError, alertmanager_config, matcher
from drift_exporter.bundle.template_text import definitions, self_contained
from support.alerting import ALERTING, ROOT, rules
from support.prometheus_operator import alertmanager_configuration
from support.servers import Webhook, alertmanager, until

SHIPPED = ALERTING / "alertmanager" / "alertmanager.yml"
TEMPLATES = sorted((ALERTING / "alertmanager" / "templates").glob("*.tmpl"))
SCHEMA = Path(__file__).parents[1] / "provisioning" / "crds" / "alertmanagerconfig_v1alpha1.json"
PREFIX = "drift-exporter/drift-exporter/"


class AllSecrets(dict[str, str]):
    """Every secret is an address, which is what some of them have to be."""

    def __missing__(self, key: str) -> str:
        return f"http://127.0.0.1:1/{key}"


@cache
def resource() -> dict[str, Any]:
    """The generated one, in its namespace."""
    path = ROOT / "provisioning" / "kubernetes" / "monitoring" / "alertmanagerconfig.yaml"
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {**loaded, "metadata": {**loaded["metadata"], "namespace": "drift-exporter"}}


def convert(**config: Any) -> dict[str, Any]:  # noqa: ANN401
    """The specification made of a small configuration with these parts, accepted by the resource's schema."""
    given = {"route": {"receiver": "a"}, "receivers": [{"name": "a"}], **config}
    made = alertmanager_config(given, {})
    jsonschema.validate(made, json.loads(SCHEMA.read_text(encoding="utf-8")))
    return dict(made["spec"])


def amtool(*arguments: object) -> str:
    result = subprocess.run(
        ["amtool", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.servers
def test_alertmanager_accepts_it_and_alerts_go_where_they_go_by_the_shipped_configuration(
    tmp_path: Path,
) -> None:
    config = tmp_path / "alertmanager.yml"
    config.write_text(yaml.safe_dump(alertmanager_configuration(resource(), AllSecrets())))
    amtool("check-config", config)
    concerns = sorted({rule["labels"]["concern"] for rule in rules() if "alert" in rule})
    assert "drift" in concerns
    for concern in concerns:
        for severity in ("page", "ticket", "info", "other"):
            labels = [f"severity={severity}", f"concern={concern}", "model=fraud", "impact=high"]
            shipped = amtool("config", "routes", "test", f"--config.file={SHIPPED}", *labels)
            here = amtool("config", "routes", "test", f"--config.file={config}", *labels)
            assert shipped == here.replace(PREFIX, "")
            assert PREFIX in here


@pytest.mark.servers
def test_the_alerts_of_others_go_elsewhere(tmp_path: Path) -> None:
    config = tmp_path / "alertmanager.yml"
    config.write_text(yaml.safe_dump(alertmanager_configuration(resource(), AllSecrets())))
    others = ["alertname=KubePodCrashLooping", "severity=page", "model=fraud"]
    assert amtool("config", "routes", "test", f"--config.file={config}", *others).strip() == "null"
    for rule in resource()["spec"]["inhibitRules"]:
        for side in ("sourceMatch", "targetMatch"):
            assert rule[side][0] == {"name": "concern", "value": ".+", "matchType": "=~"}


@pytest.mark.servers
def test_messages_are_those_of_the_shipped_templates(tmp_path: Path) -> None:
    shipped = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    shipped["templates"] = [str(t) for t in TEMPLATES]
    generated = alertmanager_configuration(resource(), AllSecrets())
    annotations = {f"{kind}_url": f"http://127.0.0.1/{kind}" for kind in ("runbook", "dashboard", "report")}
    # Twelve: messages show ten and say that there are more.
    alerts = [
        {
            "labels": {"alertname": "ModelDrift", "severity": "page", "concern": "drift"}
            | {"model": "fraud", "team": "risk-ml", "window": f"{hours}h", "to": receiver["name"]},
            "annotations": {"summary": f"{hours}", "description": "*so much*", **annotations},
        }
        for receiver in shipped["receivers"]
        for hours in range(1, 13)
    ]
    with Webhook() as hook:
        sent = {}
        for kind, config in (("shipped", shipped), ("generated", generated)):
            own, count = locally(config, f"{hook.url}/{kind}", tmp_path / kind)
            with alertmanager(tmp_path / kind / "run", own) as server:
                server.post(alerts)
                until(lambda kind=kind, count=count: len(told(hook, kind)) == count)
            sent[kind] = told(hook, kind)
    assert sent["shipped"] == sent["generated"]
    assert any(name.startswith("pages/slack") for name in sent["shipped"])


def locally(config: dict[str, Any], url: str, folder: Path) -> tuple[dict[str, Any], int]:
    """Its receivers, sending to ``url``/RECEIVER/KIND/NUMBER, and to how many of these they send.

    Each gets the alerts that have its name as the label ``to``.
    """
    folder.mkdir()
    config = json.loads(json.dumps(config))
    config.pop("inhibit_rules")
    names = [receiver["name"] for receiver in config["receivers"]]
    config["route"] = {
        "receiver": names[0],
        "group_by": ["model", "to"],
        "group_wait": "1s",
        "routes": [{"receiver": n, "matchers": [f'to="{n.rpartition("/")[2]}"']} for n in names],
    }
    count = 0
    for receiver in config["receivers"]:
        for kind in [kind for kind in receiver if kind != "name"]:
            # Others have no address that can be set for each of them.
            if kind not in ("pagerduty_configs", "slack_configs", "webhook_configs"):
                del receiver[kind]
                continue
            for number, item in enumerate(receiver[kind]):
                count += 1
                own = f"{url}/{receiver['name'].rpartition('/')[2]}/{kind.partition('_')[0]}/{number}"
                for key in ("routing_key_file", "api_url_file", "url_file", "http_config"):
                    item.pop(key, None)
                address = {
                    "pagerduty_configs": {"routing_key": "key", "url": own},
                    "slack_configs": {"api_url": own},
                    "webhook_configs": {"url": own},
                }
                item.update(address[kind])
    return config, count


def told(hook: Webhook, kind: str) -> dict[str, Any]:
    """The last message by where it came, without what holds names of receivers, addresses and times."""
    other = {"dedup_key", "client_url", "externalURL", "groupKey", "receiver"}
    found = {}
    for notification in hook.notifications:
        if notification.path.startswith(f"/{kind}/"):
            message = {k: v for k, v in notification.payload.items() if k not in other}
            if "alerts" in message:
                message["alerts"] = [(a["labels"], a["annotations"]) for a in message["alerts"]]
            found[notification.path.removeprefix(f"/{kind}/")] = message
    return found


def test_secrets_become_keys_of_one_secret_named_as_the_files_were() -> None:
    receivers = [
        {
            "name": "a",
            "slack_configs": [{"api_url_file": "/run/secrets/slack", "channel": "#a", "title_link": "x"}],
            "opsgenie_configs": [{"details": {"model": "m"}, "responders": [{"name": "t", "type": "team"}]}],
            "webhook_configs": [{"url_file": "/s/hook", "http_config": {"proxy_url": "http://p"}}],
            "msteams_configs": [{"webhook_url_file": "/s/teams"}],
            "msteamsv2_configs": [{"webhook_url_file": "/s/teams"}],
            "email_configs": [{"to": "a@example.org", "headers": {"subject": "s"}}],
        }
    ]
    top = {
        "resolve_timeout": "5m",
        "opsgenie_api_key_file": "/run/secrets/opsgenie",
        "smtp_smarthost": "mail:25",
        "smtp_from": "b@example.org",
        "smtp_auth_password_file": "/s/mail",
    }
    (made,) = convert(receivers=receivers, **{"global": top})["receivers"]
    secret = {"name": "drift-exporter-alertmanager"}
    assert made == {
        "name": "a",
        "slackConfigs": [{"apiURL": {**secret, "key": "slack"}, "channel": "#a", "titleLink": "x"}],
        "opsgenieConfigs": [
            {
                "apiKey": {**secret, "key": "opsgenie"},
                "details": [{"key": "model", "value": "m"}],
                "responders": [{"name": "t", "type": "team"}],
            }
        ],
        "webhookConfigs": [{"urlSecret": {**secret, "key": "hook"}, "httpConfig": {"proxyURL": "http://p"}}],
        "msteamsConfigs": [{"webhookUrl": {**secret, "key": "teams"}}],
        "msteamsv2Configs": [{"webhookURL": {**secret, "key": "teams"}}],
        "emailConfigs": [
            {
                "smarthost": "mail:25",
                "from": "b@example.org",
                "authPassword": {**secret, "key": "mail"},
                "to": "a@example.org",
                "headers": [{"key": "subject", "value": "s"}],
            }
        ],
    }


def test_times_become_times_in_which_routes_are_mute() -> None:
    night = {
        "times": [{"start_time": "02:00", "end_time": "04:00"}],
        "weekdays": ["saturday:sunday"],
        "days_of_month": ["1:7", "-1"],
        "months": ["january"],
        "years": [2026],
    }
    route = {"receiver": "a", "routes": [{"receiver": "a", "mute_time_intervals": ["training"]}]}
    spec = convert(route=route, time_intervals=[{"name": "training", "time_intervals": [night]}])
    assert spec["route"]["routes"] == [{"receiver": "a", "muteTimeIntervals": ["training"]}]
    assert spec["muteTimeIntervals"] == [
        {
            "name": "training",
            "timeIntervals": [
                {
                    "times": [{"startTime": "02:00", "endTime": "04:00"}],
                    "weekdays": ["saturday:sunday"],
                    "daysOfMonth": [{"start": 1, "end": 7}, {"start": -1, "end": -1}],
                    "months": ["january"],
                    "years": ["2026"],
                }
            ],
        }
    ]


def test_routes_that_are_all_commented_out_are_none() -> None:
    route = {"receiver": "a", "routes": [{"receiver": "a", "routes": None}]}
    assert convert(route=route)["route"]["routes"] == [{"receiver": "a"}]


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"global": {"http_config": {}}}, "http_config in global"),
        ({"tracing": {}}, "tracing at the top"),
        ({"route": {"receiver": "a", "match": {}}}, "match in a route"),
        ({"inhibit_rules": [{"source_match": {}}]}, "source_match in an inhibition"),
        ({"route": {"receiver": "a", "matchers": ["{a=b, c=d}"]}}, "one comparison is wanted"),
        (
            {"time_intervals": [{"name": "x", "time_intervals": [{"location": "UTC"}]}]},
            "location in the time interval x",
        ),
        (
            {
                "receivers": [
                    {"name": "a", "webhook_configs": [{"http_config": {"basic_auth": {"username": "u"}}}]}
                ]
            },
            "basic_auth.username",
        ),
    ],
)
def test_what_the_resource_cannot_say_is_refused_by_name(part: dict[str, Any], named: str) -> None:
    with pytest.raises(UnconvertibleError, match=named):
        convert(**part)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('severity="page"', ("severity", "=", "page")),
        ("severity = page", ("severity", "=", "page")),
        ('model!=""', ("model", "!=", "")),
        ('source=~".+/labels"', ("source", "=~", ".+/labels")),
        (r'path!~"a\\.b \"c\", d"', ("path", "!~", r'a\.b "c", d')),
    ],
)
def test_a_matcher_is_taken_apart(text: str, parts: tuple[str, str, str]) -> None:
    name, kind, value = parts
    assert matcher(text) == {"name": name, "matchType": kind, "value": value}


def test_a_template_brings_what_it_uses_each_once_and_nothing_else() -> None:
    text = """{{/* {{ if }} is only told of in a comment { */}}
{{ define "a" -}}{{ range .X }}{{ if . }}{{ template "b" . }}{{ end }}{{ end }}{{- end }}
{{ define "b" }}b{{ template "a" . }}{{ end }}
{{ define "c" }}{{ with .Y }}c{{ else }}d{{ end }}{{ end -}}
"""
    found = definitions(text.replace("{{ if }}", "if"))
    assert list(found) == ["a", "b", "c"]
    assert found["c"] == '{{ define "c" }}{{ with .Y }}c{{ else }}d{{ end }}{{ end -}}'
    use = 'x {{ template "a" . }} {{template "slack.default.title" .}}'
    assert self_contained(use, found) == found["a"] + found["b"] + use
    assert self_contained("plain", found) == "plain"
    with pytest.raises(ValueError, match="has no end"):
        definitions('{{ define "a" }}{{ if . }}')
