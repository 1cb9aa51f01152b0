"""The Prometheus Operator's CustomResourceDefinitions as small JSON Schemas: ``convert.py FOLDER``.

FOLDER is ``example/prometheus-operator-crd`` of the operator's repository. Descriptions are left out, and so
are receivers of an AlertmanagerConfig that are not in ``RECEIVERS``. As the API server does, unknown keys are
refused where an object's keys are listed.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
# The version of each that is used; AlertmanagerConfig v1beta1 is served only where its webhook is installed.
VERSIONS = {"alertmanagerconfigs": "v1alpha1", "prometheusrules": "v1", "servicemonitors": "v1"}
RECEIVERS = {
    *("name", "emailConfigs", "msteamsConfigs", "msteamsv2Configs", "opsgenieConfigs"),
    *("pagerdutyConfigs", "slackConfigs", "webhookConfigs"),
}


class Loader(yaml.SafeLoader):
    """A lone ``=`` is text, as in the YAML of today."""


Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)


def converted(schema: dict[str, Any]) -> dict[str, Any]:
    """One level of an OpenAPI v3 schema and all below it as JSON Schema."""
    kept = {key: value for key, value in schema.items() if key not in ("description", "properties")}
    kept = {key: value for key, value in kept.items() if not key.startswith("x-kubernetes-")}
    if "properties" in schema:
        kept["properties"] = {name: converted(below) for name, below in schema["properties"].items()}
        kept.setdefault("additionalProperties", False)
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), dict):
            kept[key] = converted(kept[key])
    if "(?i)" in kept.get("pattern", ""):
        # Python takes a flag at the beginning only.
        kept["pattern"] = "(?i)" + kept["pattern"].replace("(?i)", "")
    if schema.get("x-kubernetes-int-or-string"):
        kept.pop("anyOf", None)
        kept["type"] = ["integer", "string"]
    return kept


def json_schema(definition: dict[str, Any], version: str) -> dict[str, Any]:
    """The JSON Schema of one version of a CustomResourceDefinition."""
    (served,) = (v for v in definition["spec"]["versions"] if v["name"] == version)
    schema = converted(served["schema"]["openAPIV3Schema"])
    kind = definition["spec"]["names"]["kind"]
    schema["properties"] |= {
        "apiVersion": {"const": f"{definition['spec']['group']}/{version}"},
        "kind": {"const": kind},
        "metadata": {"type": "object"},
    }
    schema["properties"].pop("status", None)
    if kind == "AlertmanagerConfig":
        receiver = schema["properties"]["spec"]["properties"]["receivers"]["items"]
        receiver["properties"] = {k: v for k, v in receiver["properties"].items() if k in RECEIVERS}
        # The definition cannot refer to itself and leaves routes below the first open; the operator does not.
        route = schema["properties"]["spec"]["properties"]["route"]
        route["properties"]["routes"]["items"] = {"$ref": "#/$defs/route"}
        schema |= {"$defs": {"route": route}}
        schema["properties"]["spec"]["properties"]["route"] = {"$ref": "#/$defs/route"}
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": kind, **schema}


def main() -> None:
    """Write the schemas beside this file."""
    for plural, version in VERSIONS.items():
        file = Path(sys.argv[1]) / f"monitoring.coreos.com_{plural}.yaml"
        definition = yaml.load(file.read_text(encoding="utf-8"), Loader)  # noqa: S506  # a safe loader
        schema = json_schema(definition, version)
        target = HERE / f"{schema['title'].lower()}_{version}.json"
        target.write_text(json.dumps(schema, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
