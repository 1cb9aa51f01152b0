"""What NannyML estimates of a small set of records: the numbers that a test compares ours to.

Run it: python benchmarks/frozen_estimates.py. It sets NannyML up in a virtual environment of its own
(build/peers/nannyml) and writes tests/judge/estimation/golden/nannyml.json. The records are made of multiples
of irrational numbers, without their whole parts: they are spread evenly, and the same everywhere.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detection.venvs import PEERS, environment

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "judge" / "estimation" / "golden" / "nannyml.json"
REFERENCE, CHUNK, CHUNKS = 6_000, 1_000, 4

Columns = Mapping[str, NDArray[np.float64]]

_PEER = """
import json, sys
import numpy as np, pandas as pd, nannyml

data = np.load(sys.argv[1])
frames = {}
for key in data:
    part, column = key.split("/")
    frames.setdefault(part, {})[column] = data[key]
reference, analysis = pd.DataFrame(frames["reference"]), pd.DataFrame(frames["analysis"])
size = int(sys.argv[2])
cbpe = nannyml.CBPE(
    y_pred_proba="score", y_pred="answer", y_true="label", problem_type="classification_binary",
    metrics=["roc_auc", "accuracy", "f1"], chunk_size=size)
dle = nannyml.DLE(
    feature_column_names=["size"], y_pred="price", y_true="paid", metrics=["rmse", "mae"], chunk_size=size)
found = {}
for estimator in (cbpe, dle):
    estimator.fit(reference)
    result = estimator.estimate(analysis).filter(period="analysis").to_df()
    for metric in [metric.column_name for metric in estimator.metrics]:
        found[metric] = [round(float(value), 6) for value in result[(metric, "value")]]
print(json.dumps(found))
"""


def records() -> tuple[Columns, Columns]:
    """The reference's columns and those of the chunks, one behind the other.

    ``answer`` and ``label`` belong to ``score``, whose labels are fewer than it says; ``price`` is the
    prediction of what is ``paid``, wrong by more the larger the ``size``. Chunk by chunk scores and sizes grow.
    """
    number = np.arange(1, REFERENCE + CHUNK * CHUNKS + 1, dtype=np.float64)
    even, other, third = (np.modf(number * np.sqrt(prime))[0] for prime in (2, 3, 5))
    moved = np.maximum(0, (number - REFERENCE - 1) // CHUNK) * 0.1
    score = even ** (1 - moved)
    size = 1 + 4 * third * (1 + moved)
    columns = {
        "score": score,
        "answer": (score >= 0.5).astype(np.float64),
        "label": (other < 0.1 + 0.7 * score**2).astype(np.float64),
        "size": size,
        "price": 100 * size,
        "paid": 100 * size + 40 * size * (other - 0.5),
    }
    before = {name: values[:REFERENCE] for name, values in columns.items()}
    return before, {name: values[REFERENCE:] for name, values in columns.items()}


def main() -> None:
    """Ask NannyML, and write down what it says."""
    python = environment("NannyML", PEERS["NannyML"])
    silent = {**os.environ, "DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        parts = dict(zip(("reference", "analysis"), records(), strict=True))
        np.savez(
            path, **{f"{part}/{name}": values for part, own in parts.items() for name, values in own.items()}
        )
        command = [str(python), "-W", "ignore", "-c", _PEER, str(path), str(CHUNK)]
        said = subprocess.run(command, check=True, capture_output=True, text=True, env=silent).stdout
    found = {
        "generated_by": "benchmarks/frozen_estimates.py",
        "library": PEERS["NannyML"][0],
        "estimates": json.loads(said.splitlines()[-1]),
    }
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"{GOLDEN}: written")


if __name__ == "__main__":
    main()
