"""What the Prometheus Operator makes of an AlertmanagerConfig, as far as the shipped one goes."""

import re
from collections.abc import Mapping
from typing import Any

Json = Any
NAMES = {
    "pagerDutyLinkConfigs": "links",
    "pagerDutyImageConfigs": "images",
    "alt": "text",
    "urlSecret": "url",
}


def alertmanager_configuration(resource: dict[str, Json], secrets: Mapping[str, str]) -> dict[str, Json]:
    """Alertmanager's configuration for one AlertmanagerConfig under the matcher strategy ``None``.

    Its route is one below the root, whose receiver tells nobody. ``secrets`` is what the Secret holds that it
    names.
    """
    spec, place = resource["spec"], resource["metadata"]
    prefix = f"{place['namespace']}/{place['name']}/"
    own = _route(spec["route"], prefix) | {"continue": True}
    return {
        "route": {"receiver": "null", "routes": [own]},
        "inhibit_rules": [
            {
                "source_matchers": [_matcher(m) for m in rule["sourceMatch"]],
                "target_matchers": [_matcher(m) for m in rule["targetMatch"]],
                "equal": rule["equal"],
            }
            for rule in spec["inhibitRules"]
        ],
        "receivers": [{"name": "null"}, *(_receiver(r, prefix, secrets) for r in spec["receivers"])],
        "time_intervals": [
            {"name": prefix + i["name"], "time_intervals": [_snake(t) for t in i["timeIntervals"]]}
            for i in spec.get("muteTimeIntervals", [])
        ],
    }


def _route(given: Json, prefix: str) -> Json:
    made = {_key(k): v for k, v in given.items()}
    # Without one it is that of the route above, as in Alertmanager.
    if "receiver" in given:
        made["receiver"] = prefix + given["receiver"]
    if "matchers" in given:
        made["matchers"] = [_matcher(m) for m in given["matchers"]]
    if "routes" in given:
        made["routes"] = [_route(below, prefix) for below in given["routes"]]
    for times in ("mute_time_intervals", "active_time_intervals"):
        if times in made:
            made[times] = [prefix + name for name in made[times]]
    return made


def _matcher(given: Json) -> str:
    value = given["value"].replace("\\", "\\\\").replace('"', '\\"')
    return f'{given["name"]}{given["matchType"]}"{value}"'


def _receiver(given: Json, prefix: str, secrets: Mapping[str, str]) -> Json:
    made = {"name": prefix + given["name"]}
    for kind in given.keys() - {"name"}:
        made[_key(kind)] = [_item(item, secrets) for item in given[kind]]
    return made


def _item(given: Json, secrets: Mapping[str, str]) -> Json:
    if isinstance(given, list) and given and all(set(v) == {"key", "value"} for v in given):
        return {pair["key"]: pair["value"] for pair in given}
    if isinstance(given, list):
        return [_item(value, secrets) for value in given]
    if not isinstance(given, dict):
        return given
    made = {}
    for name, value in given.items():
        if isinstance(value, dict) and {*value} == {"name", "key"}:
            made[_key(name)] = secrets[value["key"]]
        else:
            made[_key(name)] = _item(value, secrets)
    return made


def _snake(given: Json) -> Json:
    if isinstance(given, dict):
        return {_key(name): _snake(value) for name, value in given.items()}
    return [_snake(value) for value in given] if isinstance(given, list) else given


def _key(name: str) -> str:
    return NAMES.get(name) or re.sub(r"(?<=[a-z0-9])([A-Z]+)", lambda m: "_" + m[1].lower(), name)
