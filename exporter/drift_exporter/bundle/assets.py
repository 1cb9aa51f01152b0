"""Where the shipped dashboards, rules and provisioning are: in the package, or in the checkout around it."""

from collections.abc import Iterable
from pathlib import Path

from drift_exporter.errors import BundleError

PACKAGE = Path(__file__).resolve().parents[1]


def assets_folder(package: Path = PACKAGE) -> Path:
    """The folder that holds ``alerting``, ``dashboards`` and ``provisioning``; raises BundleError without."""
    # A wheel has them in the package; an editable installation has the checkout around it.
    for folder in (package / "assets", package.parents[1]):
        if (folder / "alerting" / "rules").is_dir() and (folder / "dashboards" / "json").is_dir():
            return folder
    raise BundleError(
        f"{package / 'assets'}: dashboards and rules are not there; install drift-exporter from its wheel, "
        "or run it from a whole checkout"
    )


def shipped(assets: Path, *patterns: str) -> Iterable[tuple[str, bytes]]:
    """Path, below ``assets``, and content of the files that match, in order."""
    paths = sorted({path for pattern in patterns for path in assets.glob(pattern) if path.is_file()})
    return [(path.relative_to(assets).as_posix(), path.read_bytes()) for path in paths]
