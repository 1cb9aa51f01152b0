"""Make the logs, the reference and its sample anew: python examples/clicks/generate.py."""

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from clicks.traffic import reference_lines, traffic, write  # noqa: E402  # found by the line above
from support.references import make_reference  # noqa: E402

END_OF_LOG = 1483228800.0
"""2017-01-01, in seconds since the epoch."""

PER_DAY = 300


def generate(folder: Path) -> None:
    """Write the logs and the reference into ``folder``."""
    made = traffic(END_OF_LOG, PER_DAY)
    write(made.predictions, folder / "logs" / "predictions.ndjson")
    for model, labels in made.labels.items():
        write(labels, folder / "labels" / f"{model}.ndjson")
    with tempfile.TemporaryDirectory() as temporary:
        known_good = Path(temporary) / "2015.ndjson"
        known_good.write_bytes(b"".join(reference_lines()))
        make_reference(HERE / "config.yml", "clicks", known_good, folder / "reference.json")


if __name__ == "__main__":
    generate(HERE)
