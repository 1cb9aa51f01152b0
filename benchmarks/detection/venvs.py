"""A virtual environment for each peer, in build/peers, made with pip when it is first needed."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "peers"

PEERS = {
    "Evidently": ("evidently==0.7.23", "pandas<3.1"),
    "NannyML": ("nannyml==0.13.1", "statsmodels"),
    "alibi-detect": ("alibi-detect==0.13.0", "pyarrow<26"),
}
"""By name what pip installs: the peer with its version, and what it needs but does not ask for."""

PLOTTING = ("matplotlib>=3.9,<4",)
PYTHONS = ((3, 11), (3, 12))
"""Versions of Python that all peers install on."""


def environment(name: str, requirements: tuple[str, ...]) -> Path:
    """The Python of a virtual environment that has these packages; raises where pip fails."""
    folder = BUILD / name.lower().replace(" ", "-")
    python, stamp = folder / "bin" / "python", folder / "requirements.txt"
    wanted = "".join(f"{requirement}\n" for requirement in requirements)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    if sys.version_info[:2] not in PYTHONS:
        raise SystemExit("the peers install on Python 3.11 and 3.12 only; use one of these, or --peers none")
    print(f"installing {', '.join(requirements)} in {folder}", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["/bin/bash", ROOT / "scripts" / "venv.sh", sys.executable, folder], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "pyarrow", *requirements], check=True)
    stamp.write_text(wanted, encoding="utf-8")
    return python
