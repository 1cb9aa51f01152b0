"""The verb ``bundle``: decide, show, write, import."""

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from drift_exporter.bundle.addresses import Addresses, addresses_of
from drift_exporter.bundle.assets import assets_folder
from drift_exporter.bundle.contents import contents, sources_of_others
from drift_exporter.bundle.files import (
    WRITTEN,
    Manifest,
    Outcome,
    Standing,
    decide,
    difference,
    fingerprint,
    left_over,
    read_manifest,
    write,
    write_manifest,
)
from drift_exporter.bundle.operator_resources import operator_files
from drift_exporter.config import load_config
from drift_exporter.config.load import read_text

OF_USERS = ("alerting/rules/*.yml", "alerting/alertmanager/templates/*.tmpl", "dashboards/json/*.json")
"""Where files that a user puts beside ours count, too."""


@dataclass(frozen=True)
class Bundle:
    """What became of each file, what does not belong any more, what the user has to know."""

    outcomes: tuple[Outcome, ...]
    left_over: tuple[str, ...]
    notes: tuple[str, ...]
    addresses: Addresses

    @property
    def behind(self) -> bool:
        """Whether a file that is edited by hand has a newer version."""
        return any(outcome.standing is Standing.BEHIND for outcome in self.outcomes)

    @property
    def differs(self) -> bool:
        """Whether a file would be written, or has a newer version."""
        return self.behind or any(outcome.standing in WRITTEN for outcome in self.outcomes)


def bundle(config: Path, output: Path, given: Addresses, *, force: bool, check: bool) -> Bundle:
    """Bring the folder ``output`` up to a configuration; with ``check`` nothing is written."""
    manifest = read_manifest(output)
    addresses = addresses_of(manifest.addresses).updated(given)
    loaded = load_config(config)
    files, overlay = contents(assets_folder(), loaded, read_text(config), str(config), addresses)
    outcomes = {path: decide(output, path, raw, manifest, force=force) for path, raw in files.items()}
    there = {path: outcome.effective for path, outcome in outcomes.items()}
    there |= {path: raw for path, raw in _of_users(output) if path not in there}
    made = operator_files(dict(sources_of_others(there)), "drift-exporter bundle")
    for path, text in made.items():
        outcomes[path] = decide(output, path, text.encode(), manifest, force=force)
    old = left_over(output, set(outcomes), manifest)
    if not check:
        for outcome in outcomes.values():
            if outcome.standing in WRITTEN:
                write(output / outcome.path, outcome.new)
        known = {path: manifest.files[path] for path in old}
        known |= {path: fingerprint(outcome.new) for path, outcome in outcomes.items()}
        write_manifest(output, Manifest(known, {k: v for k, v in asdict(addresses).items() if v}))
    return Bundle(tuple(outcomes[path] for path in sorted(outcomes)), tuple(old), overlay.notes, addresses)


def _of_users(output: Path) -> Iterator[tuple[str, bytes]]:
    for pattern in OF_USERS:
        for path in sorted(output.glob(pattern)):
            yield path.relative_to(output).as_posix(), path.read_bytes()


def show(made: Bundle) -> None:
    """Diffs to stdout, as a patch; one line for each file that is not the same to stderr."""
    for outcome in made.outcomes:
        sys.stdout.writelines(difference(outcome))
        if outcome.standing is not Standing.SAME:
            sys.stderr.write(f"{outcome.path}: {outcome.standing.value}\n")
    for path in made.left_over:
        sys.stderr.write(f"{path}: does not belong here any more; delete it\n")
    for note in made.notes:
        sys.stderr.write(f"note: {note}\n")
