"""The shipped Alertmanager configuration as an AlertmanagerConfig of the Prometheus Operator.

What that resource has no place for is an error here, but for one thing that an Alertmanager has once:
``global.resolve_timeout`` (docs/provisioning.md says where it goes).
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from drift_exporter.bundle.template_text import self_contained
from drift_exporter.errors import BundleError

Json = Any
NAME = "drift-exporter"
# The Secret that holds, under the names of the files, what the configuration reads from files.
SECRET = "drift-exporter-alertmanager"  # noqa: S105  # a name
# An Alertmanager of a cluster has others' alerts too. Every alert of the shipped rules has this label.
OURS = {"name": "concern", "value": ".+", "matchType": "=~"}

# Keys whose name in the resource is not the same with humps.
NAMES = {
    "api_url": "apiURL",
    "client_url": "clientURL",
    "icon_url": "iconURL",
    "image_url": "imageURL",
    "thumb_url": "thumbURL",
    "proxy_url": "proxyURL",
    "require_tls": "requireTLS",
    "force_implicit_tls": "forceImplicitTLS",
    "enable_http2": "enableHttp2",
    "links": "pagerDutyLinkConfigs",
    "images": "pagerDutyImageConfigs",
}
# A map of texts here, a list of keys and values there.
PAIRS = {"details", "headers"}
# What each kind of receiver takes from the top of the configuration where it has nothing of its own.
INHERITED = {
    "email_configs": {
        "smtp_smarthost": "smarthost",
        "smtp_from": "from",
        "smtp_hello": "hello",
        "smtp_auth_username": "auth_username",
        "smtp_auth_password_file": "auth_password_file",
        "smtp_auth_identity": "auth_identity",
        "smtp_require_tls": "require_tls",
    },
    "opsgenie_configs": {"opsgenie_api_url": "api_url", "opsgenie_api_key_file": "api_key_file"},
    "pagerduty_configs": {"pagerduty_url": "url"},
    "slack_configs": {"slack_api_url_file": "api_url_file"},
}
MATCHER = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"{},]*))\s*')


class UnconvertibleError(BundleError):
    """Something that an AlertmanagerConfig cannot say; the message names it."""


def alertmanager_config(config: Mapping[str, Json], templates: Mapping[str, str]) -> dict[str, Json]:
    """The resource for an Alertmanager configuration; ``templates`` is what its template files define."""
    known = {
        *("global", "templates", "route", "inhibit_rules", "receivers"),
        *("time_intervals", "mute_time_intervals"),
    }
    _refuse(set(config) - known, "at the top")
    defaults = dict(config.get("global", {}))
    defaults.pop("resolve_timeout", None)
    _refuse(set(defaults) - {key for keys in INHERITED.values() for key in keys}, "in global")
    root = route(config["route"])
    spec: dict[str, Json] = {
        "route": {**root, "matchers": [OURS]},
        "inhibitRules": [inhibit_rule(rule) for rule in config.get("inhibit_rules", [])],
        "receivers": [receiver(r, defaults, templates) for r in config["receivers"]],
    }
    intervals = [*config.get("time_intervals", []), *config.get("mute_time_intervals", [])]
    if intervals:
        spec["muteTimeIntervals"] = [time_interval(interval) for interval in intervals]
    return {
        "apiVersion": "monitoring.coreos.com/v1alpha1",
        "kind": "AlertmanagerConfig",
        "metadata": {"name": NAME, "labels": {"app.kubernetes.io/name": NAME}},
        "spec": spec,
    }


def route(given: Mapping[str, Json]) -> dict[str, Json]:
    """A route with those below it."""
    _refuse(set(given) & {"match", "match_re"}, "in a route: write matchers")
    made = {
        _name(key): value for key, value in given.items() if key not in ("routes", "matchers", "group_by")
    }
    if "group_by" in given:
        made["groupBy"] = list(given["group_by"])
    if "matchers" in given:
        made["matchers"] = [matcher(text) for text in given["matchers"]]
    if given.get("routes"):
        made["routes"] = [route(below) for below in given["routes"]]
    return made


def matcher(text: str) -> dict[str, str]:
    r"""``severity="page"`` in its parts; within quotes ``\"``, ``\\`` and ``\n`` are as in Alertmanager."""
    found = MATCHER.fullmatch(text)
    if found is None:
        raise UnconvertibleError(f'matcher {text!r}: one comparison is wanted, such as severity="page"')
    quoted, plain = found[3], found[4]
    value = plain if quoted is None else re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], quoted)
    return {"name": found[1], "value": value, "matchType": found[2]}


def inhibit_rule(given: Mapping[str, Json]) -> dict[str, Json]:
    """An inhibition among alerts of the shipped rules."""
    _refuse(set(given) - {"source_matchers", "target_matchers", "equal"}, "in an inhibition")
    return {
        "sourceMatch": [OURS, *(matcher(text) for text in given["source_matchers"])],
        "targetMatch": [OURS, *(matcher(text) for text in given["target_matchers"])],
        "equal": list(given.get("equal", [])),
    }


def time_interval(given: Mapping[str, Json]) -> dict[str, Json]:
    """Times in which routes are mute, or active. A location is nothing that the resource knows."""
    made = []
    for interval in given["time_intervals"]:
        _refuse(
            set(interval) - {"times", "weekdays", "days_of_month", "months", "years"},
            f"in the time interval {given['name']}",
        )
        one: dict[str, Json] = {_name(k): [str(v) for v in interval[k]] for k in interval if k != "times"}
        if "times" in interval:
            one["times"] = [
                {"startTime": t["start_time"], "endTime": t["end_time"]} for t in interval["times"]
            ]
        if "days_of_month" in interval:
            one["daysOfMonth"] = [_days(str(text)) for text in interval["days_of_month"]]
        made.append(one)
    return {"name": given["name"], "timeIntervals": made}


def receiver(
    given: Mapping[str, Json], defaults: Mapping[str, Json], templates: Mapping[str, str]
) -> dict[str, Json]:
    """A receiver with all that it sends to."""
    made: dict[str, Json] = {"name": given["name"]}
    for kind, items in given.items():
        if kind == "name":
            continue
        inherited = {own: defaults[key] for key, own in INHERITED.get(kind, {}).items() if key in defaults}
        # An empty one is left out, not refused, by the resource's schema.
        made[_name(kind)] = [_item({**inherited, **item}, templates, kind) for item in items]
    return made


def _item(given: Mapping[str, Json], templates: Mapping[str, str], where: str) -> dict[str, Json]:
    made: dict[str, Json] = {}
    for key, value in given.items():
        if key.endswith("_file"):
            made[_secret_name(key, where)] = {"name": SECRET, "key": PurePosixPath(value).name}
        elif key == "basic_auth" and "username" in value:
            raise UnconvertibleError(f"basic_auth.username in {where}: the resource wants it in a Secret")
        elif key in PAIRS and isinstance(value, Mapping):
            made[_name(key)] = [{"key": k, "value": _text(v, templates)} for k, v in value.items()]
        else:
            made[_name(key)] = _value(value, templates, f"{where}.{key}")
    if where.endswith((".links", ".images")) and "text" in made:
        made["alt"] = made.pop("text")
    return made


def _value(value: Json, templates: Mapping[str, str], where: str) -> Json:
    if isinstance(value, Mapping):
        return _item(value, templates, where)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_value(v, templates, where) for v in value]
    return _text(value, templates)


def _text(value: Json, templates: Mapping[str, str]) -> Json:
    return self_contained(value, dict(templates)) if isinstance(value, str) else value


def _secret_name(key: str, where: str) -> str:
    """Name of what a file holds, as the resource has it: a Secret's key."""
    own = key.removesuffix("_file")
    if where == "webhook_configs" and own == "url":
        return "urlSecret"
    if where == "msteamsv2_configs" and own == "webhook_url":
        return "webhookURL"
    return _name(own)


def _days(text: str) -> dict[str, int]:
    begin, _, end = text.partition(":")
    return {"start": int(begin), "end": int(end or begin)}


def _name(key: str) -> str:
    if key in NAMES:
        return NAMES[key]
    first, *others = key.split("_")
    return first + "".join(word.capitalize() for word in others)


def _refuse(keys: set[str], where: str) -> None:
    if keys:
        raise UnconvertibleError(f"{', '.join(sorted(keys))} {where}: an AlertmanagerConfig cannot say this")
