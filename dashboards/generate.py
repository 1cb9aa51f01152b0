"""Write dashboards/json/ from dashboards/*.dashboard.py.

``--check`` writes nothing, prints how the committed files differ, and exits 1 if they do.
"""

import argparse
import difflib
import json
import sys
from pathlib import Path

from grafanalib._gen import loader

HERE = Path(__file__).resolve().parent
SUFFIX = ".dashboard.py"


def generated(source: Path) -> str:
    """The JSON text of a dashboard's source file; the same source always gives the same text."""
    dashboard = loader(str(source))
    return json.dumps(dashboard.to_json_data(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def wanted() -> dict[Path, str]:
    """Path and text of each file that belongs into json/."""
    sources = sorted(HERE.glob(f"*{SUFFIX}"))
    return {HERE / "json" / f"{s.name.removesuffix(SUFFIX)}.json": generated(s) for s in sources}


def difference(path: Path, text: str | None) -> list[str]:
    """Unified diff from the file as it is to the text it should have; None means that it should not be."""
    now = path.read_text(encoding="utf-8") if path.exists() else ""
    name = str(path.relative_to(HERE.parent))
    return list(
        difflib.unified_diff(
            now.splitlines(keepends=True),
            (text or "").splitlines(keepends=True),
            f"{name} (committed)",
            f"{name} (generated)",
        )
    )


def main(arguments: list[str]) -> int:
    """Exit status: 0 fine, 1 the files differ and ``--check`` was given."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args(arguments).check
    files: dict[Path, str | None] = dict.fromkeys((HERE / "json").glob("*.json"))
    files.update(wanted())
    differences = [line for path, text in sorted(files.items()) for line in difference(path, text)]
    if check:
        sys.stdout.writelines(differences)
        return 1 if differences else 0
    for path, text in files.items():
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
