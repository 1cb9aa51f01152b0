"""Make the log, the reference and its sample anew: python examples/employment/generate.py."""

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from employment.traffic import reference_lines, sample_log  # noqa: E402  # found by the line above
from support.references import make_reference  # noqa: E402

END_OF_LOG = 1546300800.0
"""2019-01-01, in seconds since the epoch."""


def generate(folder: Path) -> None:
    """Write the log and the reference into ``folder``."""
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    (folder / "logs" / "predictions.ndjson").write_bytes(b"".join(sample_log(END_OF_LOG)))
    with tempfile.TemporaryDirectory() as temporary:
        known_good = Path(temporary) / "2015.ndjson"
        known_good.write_bytes(b"".join(reference_lines()))
        make_reference(HERE / "config.yml", "employment", known_good, folder / "reference.json")


if __name__ == "__main__":
    generate(HERE)
