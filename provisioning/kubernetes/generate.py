"""Write what the Prometheus Operator and Grafana's sidecar need of the shipped rules, routing and dashboards.

- ``monitoring/rules/``: a PrometheusRule for each file of alerting/rules
- ``monitoring/alertmanagerconfig.yaml``: of alerting/alertmanager
- ``dashboards/kustomization.yaml`` at the top of the checkout: a config map for each file of dashboards/json

``--check`` writes nothing, prints how the committed files differ, and exits 1 if they do.
"""

import argparse
import difflib
import sys
from pathlib import Path

from drift_exporter.bundle.operator_resources import operator_files

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RULES = HERE / "monitoring" / "rules"
SOURCES = (
    "alerting/rules/*.yml",
    "alerting/alertmanager/alertmanager.yml",
    "alerting/alertmanager/templates/*.tmpl",
    "dashboards/json/*.json",
)


def wanted() -> dict[Path, str]:
    """Path and text of each generated file."""
    sources = [path for pattern in SOURCES for path in ROOT.glob(pattern)]
    present = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in sources}
    made = operator_files(present, "make provisioning")
    return {ROOT / name: text for name, text in made.items()}


def difference(path: Path, text: str | None) -> list[str]:
    """Unified diff from the file as it is to the text it should have; None means that it should not be."""
    now = path.read_text(encoding="utf-8") if path.exists() else ""
    name = str(path.relative_to(ROOT))
    before, after = now.splitlines(keepends=True), (text or "").splitlines(keepends=True)
    return list(difflib.unified_diff(before, after, f"{name} (committed)", f"{name} (generated)"))


def main(arguments: list[str]) -> int:
    """Exit status: 0 fine, 1 the files differ and ``--check`` was given."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args(arguments).check
    files: dict[Path, str | None] = dict.fromkeys(RULES.glob("*.yaml"))
    files.update(wanted())
    if check:
        differences = [line for path, text in sorted(files.items()) for line in difference(path, text)]
        sys.stdout.writelines(differences)
        return 1 if differences else 0
    for path, text in files.items():
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
