"""Build kustomizations: by kubectl or kustomize where one is installed, else by as much of it as ours need.

A test compares the two, so that what the small one makes is what users get.
"""

import hashlib
import json
import re
import shutil
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

Resource = dict[str, Any]
CLUSTER_WIDE = {"Namespace"}
KNOWN = {
    *("apiVersion", "kind", "namespace", "resources", "labels", "images", "replicas"),
    *("configMapGenerator", "generatorOptions", "patches"),
}


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """A lone ``=`` is text, as in the YAML that Kubernetes speaks."""


Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)


def builder() -> list[str] | None:
    """The command that builds a folder; None where it is not installed."""
    if kustomize := shutil.which("kustomize"):
        return [kustomize, "build"]
    if kubectl := shutil.which("kubectl"):
        return [kubectl, "kustomize"]
    return None


def build(folder: Path) -> list[Resource]:
    """All resources of a kustomization."""
    command = builder()
    return build_here(folder) if command is None else build_by(command, folder)


def build_by(command: list[str], folder: Path) -> list[Resource]:
    """The same by a command."""
    result = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return list(yaml.load_all(result.stdout, Loader))


def build_here(folder: Path) -> list[Resource]:
    """The same without either; the suffixes of generated names are other ones than kustomize's."""
    return _named(_gathered(folder))


def _gathered(folder: Path) -> list[Resource]:
    told = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    assert set() == set(told) - KNOWN
    found: list[Resource] = []
    for name in told.get("resources", []):
        path = (folder / name).resolve()
        if path.is_dir():
            found += _gathered(path)
        else:
            assert path.is_relative_to(folder.resolve()), "kustomize reads no file outside of the folder"
            found += yaml.safe_load_all(path.read_text(encoding="utf-8"))
    for given in told.get("configMapGenerator", []):
        _generate(found, folder, given, told.get("generatorOptions", {}))
    _transform(found, told)
    for patch in told.get("patches", []):
        operations = yaml.safe_load((folder / patch["path"]).read_text(encoding="utf-8"))
        targets = [r for r in found if _is(r, patch["target"])]
        assert targets, f"{patch['target']} is nowhere"
        for resource in targets:
            for operation in operations:
                _apply(resource, operation)
    return found


def _transform(found: list[Resource], told: Resource) -> None:
    pairs: Resource = {}
    for label in told.get("labels", []):
        assert {*label} == {"pairs"}
        pairs |= label["pairs"]
    counts = {r["name"]: r["count"] for r in told.get("replicas", [])}
    images = {i["name"]: f"{i['newName']}:{i['newTag']}" for i in told.get("images", [])}
    for resource in found:
        metadata, spec = resource["metadata"], resource.get("spec", {})
        if pairs:
            metadata.setdefault("labels", {}).update(pairs)
        if "namespace" in told and resource["kind"] not in CLUSTER_WIDE:
            metadata["namespace"] = told["namespace"]
        if "replicas" in spec:
            spec["replicas"] = counts.get(metadata["name"], spec["replicas"])
    for container in _containers(found):
        container["image"] = images.get(container["image"], container["image"])


def _generate(found: list[Resource], folder: Path, given: Resource, options: Resource) -> None:
    data = {Path(name).name: (folder / name).read_text(encoding="utf-8") for name in given["files"]}
    if given.get("behavior") == "merge":
        (old,) = (r for r in found if r["kind"] == "ConfigMap" and r["metadata"]["name"] == given["name"])
        old["data"] |= data
        return
    metadata: Resource = {"name": given["name"], "generated": not options.get("disableNameSuffixHash")}
    metadata |= {key: dict(options[key]) for key in ("labels", "annotations") if key in options}
    found.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def _named(found: list[Resource]) -> list[Resource]:
    """With suffixes behind generated names, wherever they are used."""
    names = {}
    for resource in found:
        if resource["metadata"].pop("generated", False):
            name = resource["metadata"]["name"]
            content = json.dumps(resource["data"], sort_keys=True).encode()
            names[name] = f"{name}-{hashlib.sha256(content).hexdigest()[:10]}"
            resource["metadata"]["name"] = names[name]
    for resource in found:
        for volume in resource.get("spec", {}).get("template", {}).get("spec", {}).get("volumes", []):
            if "configMap" in volume:
                volume["configMap"]["name"] = names.get(
                    volume["configMap"]["name"], volume["configMap"]["name"]
                )
    return found


def _is(resource: Resource, target: Resource) -> bool:
    matches = re.fullmatch(target["name"], resource["metadata"]["name"]) is not None
    return resource["kind"] == target["kind"] and matches


def _containers(found: list[Resource]) -> list[Resource]:
    return [
        c for r in found for c in r.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])
    ]


def _apply(resource: Resource, operation: Resource) -> None:
    """One operation of a JSON patch (RFC 6902): ``add`` and ``replace``."""
    *way, last = (p.replace("~1", "/").replace("~0", "~") for p in operation["path"].split("/")[1:])
    at: Any = resource
    for part in way:
        at = at[int(part)] if isinstance(at, list) else at[part]
    value = deepcopy(operation["value"])
    if isinstance(at, list):
        assert (operation["op"], last) == ("add", "-")
        at.append(value)
    else:
        assert operation["op"] == "add" or last in at
        at[last] = value
