"""A kustomize overlay for a configuration: the same text, with the paths that pods have."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from drift_exporter.bundle.edit import Place, compose, entries, find, set_values
from drift_exporter.config import Config
from drift_exporter.config.references import RollingReference, VersionReference
from drift_exporter.config.schema import Model
from drift_exporter.errors import BundleError
from drift_exporter.reference.sample import sample_path

LOGS = PurePosixPath("/var/log/models")
STATE = "/var/lib/drift-exporter"
SECRETS = "/run/secrets/drift-exporter"
FOLDER = "provisioning/kubernetes/overlays/models"
LARGEST = 2**20
"""Bytes that a ConfigMap holds at most."""


@dataclass(frozen=True)
class Overlay:
    """Files by name, what the user has to know, and what else has to be there."""

    files: Mapping[str, bytes]
    notes: tuple[str, ...]
    kinds: frozenset[str]
    logs: str | None
    secrets: tuple[str, ...]


def overlay(config: Config, text: str, patches: Mapping[str, bytes], name: str) -> Overlay:
    """The overlay of a configuration, its text and its path ``name``.

    ``patches`` are those of the shipped overlays, by path.
    """
    sources = [(("models", i, *where), s) for i, m in enumerate(config.models) for where, s in _sources(m)]
    kinds = frozenset(s.type for _, s in sources)
    values: dict[Place, Any] = {}
    patterns = {place: s.path for place, s in sources if s.type == "file"}
    logs = _folder(patterns.values()) if patterns else None
    for place, pattern in patterns.items():
        values[*place, "path"] = str(LOGS / os.path.relpath(pattern, logs))
    references, missing = _references(config, values)
    secrets: dict[Place, str] = {}
    root = compose(text, name)
    for place, _ in sources:
        secrets |= dict(_secret_files(root, place))
    values |= {place: f"{SECRETS}/{PurePosixPath(path).name}" for place, path in secrets.items()}
    values["state_dir",] = STATE
    if find(root, ("dead_letter",)) is not None:
        values["dead_letter",] = f"{STATE}/dead-letter"
    own = set_values(_with_state_dir(root, text, name), values, name)
    files = {"config.yml": own.encode(), **references}
    notes = [
        f"{path}: is not there yet; build it by `drift-exporter reference build`, then run this again"
        for path in missing
    ]
    if (size := sum(map(len, files.values()))) > LARGEST:
        notes.append(
            f"configuration and references are {size} bytes, and a ConfigMap holds {LARGEST}: "
            "mount them from a volume"
        )
    return Overlay(
        files={**_kustomization(kinds, files, patches, secrets=bool(secrets)), **files},
        notes=tuple(notes),
        kinds=kinds,
        logs=None if logs is None else _shown(logs, Path(name).absolute().parent),
        secrets=tuple(sorted({PurePosixPath(path).name for path in secrets.values()})),
    )


def _with_state_dir(root: yaml.Node, text: str, name: str) -> str:
    """The text with a ``state_dir``, which has to be the volume's."""
    if find(root, ("state_dir",)) is not None:
        return text
    if isinstance(root, yaml.MappingNode) and root.flow_style:
        raise BundleError(
            f"{name}: add state_dir; it is written within braces, where there is no place for it"
        )
    begin = root.start_mark.index
    return f"{text[:begin]}state_dir: {STATE}\n{text[begin:]}"


def _sources(model: Model) -> Iterator[tuple[Place, Any]]:
    yield ("predictions", "source"), model.predictions.source
    if model.labels is not None:
        yield ("labels", "source"), model.labels.source


def _shown(folder: str, base: Path) -> str:
    """A folder as it is told in a file that has to be the same whoever writes it, from whatever checkout."""
    return os.path.relpath(folder, base) if Path(folder).is_relative_to(base) else folder


def _folder(patterns: Any) -> str:  # noqa: ANN401  # texts
    """The folder that is mounted: the one where pods have it already, else the lowest that holds all logs."""
    if all(PurePosixPath(pattern).is_relative_to(LOGS) for pattern in patterns):
        return str(LOGS)
    return os.path.commonpath(
        [re.split(r"[*?\[]", pattern, maxsplit=1)[0].rpartition("/")[0] or "/" for pattern in patterns]
    )


def _references(config: Config, values: dict[Place, Any]) -> tuple[dict[str, bytes], list[Path]]:
    """Files that go with the configuration, by the names they get, which are put into ``values``."""
    found: dict[str, bytes] = {}
    names: dict[Path, str] = {}
    missing: list[Path] = []
    for index, model in enumerate(config.models):
        for place, path in _reference_files(model):
            if path not in names:
                taken = {*names.values()}
                names[path] = (
                    path.name if path.name not in taken else f"{model.name}-{len(names)}-{path.name}"
                )
            name = names[path]
            values["models", index, *place] = name
            files = {name: path}
            if model.drift.multivariate:
                files[sample_path(Path(name)).name] = sample_path(path)
            for own, file in files.items():
                if file.is_file():
                    found[own] = file.read_bytes()
                elif file not in missing:
                    missing.append(file)
    return found, missing


def _reference_files(model: Model) -> Iterator[tuple[Place, Path]]:
    reference = model.reference
    if isinstance(reference, Path):
        yield ("reference",), reference
    elif isinstance(reference, RollingReference | VersionReference):
        if reference.bins is not None:
            yield ("reference", "bins"), reference.bins
    elif reference is not None:
        for version, path in reference.items():
            yield ("reference", version), path


def _secret_files(root: Any, source: Place) -> Iterator[tuple[Place, str]]:  # noqa: ANN401  # a node
    """Places below a source where a file is named that is not a log: passwords, keys, certificates."""
    for key, value in entries(find(root, source)).items():
        if key.endswith("_file"):
            yield (*source, key), value.value
        for own, file in entries(value).items():
            if key in {"secrets", "header_files", "credentials"} or own.endswith(".location"):
                yield (*source, key, own), file.value


def _kustomization(
    kinds: frozenset[str], files: Mapping[str, bytes], patches: Mapping[str, bytes], *, secrets: bool
) -> dict[str, bytes]:
    """``kustomization.yaml`` with the patches and resources that the kinds of sources need."""
    needed = {
        "file": [("files", "StatefulSet", "drift-exporter", "logs.patch.yaml")],
        "kafka": [
            ("kafka", "StatefulSet", "drift-exporter", "secrets.patch.yaml"),
            ("kafka", "NetworkPolicy", "drift-exporter", "brokers.patch.yaml"),
        ],
        "push": [
            ("push", "StatefulSet", "drift-exporter", "secrets.patch.yaml"),
            ("push", "NetworkPolicy", "drift-exporter", "senders.patch.yaml"),
            ("push", "Service", "drift-exporter$", "affinity.patch.yaml"),
        ],
        # Their passwords and certificates.
        "http": [("kafka", "StatefulSet", "drift-exporter", "secrets.patch.yaml")],
        "objects": [("kafka", "StatefulSet", "drift-exporter", "secrets.patch.yaml")],
    }
    used = {file: (f, k, n) for kind in sorted(kinds) for f, k, n, file in needed[kind]}
    if not secrets:
        # Pods wait for a Secret that they mount.
        used.pop("secrets.patch.yaml", None)
    made = {file: patches[f"provisioning/kubernetes/overlays/{f}/{file}"] for file, (f, _, _) in used.items()}
    resources = ["../../base"]
    if "file" in kinds:
        resources.append("prediction-logs.yaml")
        made["prediction-logs.yaml"] = patches["provisioning/kubernetes/overlays/files/prediction-logs.yaml"]
    lines = [
        "# The models of config.yml. Apply it: kubectl apply -k " + FOLDER,
        "apiVersion: kustomize.config.k8s.io/v1beta1",
        "kind: Kustomization",
        "namespace: drift-exporter",
        "resources:",
        *(f"  - {r}" for r in resources),
        "configMapGenerator:",
        "  - name: drift-exporter-config",
        "    behavior: merge",
        "    files:",
        *(f"      - {f}" for f in files),
    ]
    if used:
        lines.append("patches:")
    for file, (_, kind, target) in used.items():
        lines += [f"  - target: {{kind: {kind}, name: {target}}}", f"    path: {file}"]
    return {"kustomization.yaml": ("\n".join(lines) + "\n").encode(), **made}
