"""Make the logs, the reference and its sample anew: python examples/fraud/generate.py."""

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from fraud.traffic import Event, events, reference_lines  # noqa: E402  # found by the line above
from support.references import make_reference  # noqa: E402

BEGIN = 1525132800.0
"""2018-05-01, in seconds since the epoch."""

SECONDS, PARTITIONED = 2_700, 2_100
"""How long the log is, a prediction a second, and when the network is partitioned."""


def generate(folder: Path) -> None:
    """Write the logs and the reference into ``folder``."""
    predictions: list[Event] = []
    verdicts: list[Event] = []
    for number in range(SECONDS):
        prediction, verdict = events(number, BEGIN + number, partitioned=number >= PARTITIONED)
        predictions.append(prediction)
        verdicts.append(verdict)
    verdicts.sort(key=lambda event: event.time)
    for path, found in (("logs/predictions.ndjson", predictions), ("labels/verdicts.ndjson", verdicts)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"".join(event.line for event in found))
    with tempfile.TemporaryDirectory() as temporary:
        known_good = Path(temporary) / "known-good.ndjson"
        known_good.write_bytes(b"".join(reference_lines()))
        make_reference(HERE / "config.yml", "fraud", known_good, folder / "reference.json")


if __name__ == "__main__":
    generate(HERE)
