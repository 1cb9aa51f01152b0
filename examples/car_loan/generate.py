"""Make reference.json and its sample anew: python examples/car_loan/generate.py."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from support.references import make_reference  # noqa: E402  # found by the line above


def generate(folder: Path) -> None:
    """Write the reference into ``folder``, the reference from data/reference.parquet."""
    data = HERE / "data" / "reference.parquet"
    make_reference(HERE / "config.yml", "car_loan", data, folder / "reference.json")


if __name__ == "__main__":
    generate(HERE)
