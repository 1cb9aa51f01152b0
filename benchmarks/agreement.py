"""What frouros, an independent library, makes of the same data: the numbers that our scores are compared to.

Run it: python benchmarks/agreement.py. It sets frouros up in a virtual environment of its own (it needs an
older SciPy than ours), build/peers/frouros, and writes tests/judge/golden/frouros.json.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "judge" / "golden" / "frouros.json"
ENVIRONMENT = ROOT / "build" / "peers" / "frouros"
REQUIREMENT = "frouros==0.9.0"
DIGITS = 10

Sides = tuple[NDArray[np.float64], NDArray[np.float64]]

_PEER = """
import json, sys
import numpy as np
from frouros.detectors.data_drift.batch import PSI, ChiSquareTest, EMD, HellingerDistance, KSTest

data = np.load(sys.argv[1])
found = {}
for name in sorted({key.rsplit("/", 1)[0] for key in data}):
    before, now = data[name + "/before"], data[name + "/now"]
    if name.startswith("digits"):
        detectors = {"psi": PSI(num_bins=10), "hellinger": HellingerDistance(num_bins=10)}
    elif name.startswith("categories"):
        detectors = {"chi2": ChiSquareTest()}
    else:
        detectors = {"ks": KSTest(), "wasserstein": EMD()}
    found[name] = {}
    for method, detector in detectors.items():
        detector.fit(X=before)
        result = detector.compare(X=now)[0]
        found[name][method] = float(getattr(result, "distance", getattr(result, "statistic", None)))
print(json.dumps(found))
"""


def datasets() -> Mapping[str, Sides]:
    """Reference and current values by name; digits have ten bins of one value for us and for frouros."""
    random = np.random.default_rng(2024)
    even = np.full(DIGITS, 1 / DIGITS)
    slope = np.linspace(0.5, 1.5, DIGITS) / DIGITS
    skewed = np.array([0.5, 0.3, 0.15, 0.05])
    return {
        "digits/same": (_digits(random, even, 20_000), _digits(random, even, 5_000)),
        "digits/slope": (_digits(random, even, 20_000), _digits(random, slope, 5_000)),
        "digits/small": (_digits(random, slope, 2_000), _digits(random, even, 300)),
        "numbers/same": (random.normal(size=10_000), random.normal(size=3_000)),
        "numbers/moved": (random.normal(size=10_000), random.normal(0.4, 1.0, size=3_000)),
        "numbers/wider": (random.lognormal(size=10_000), random.lognormal(0.0, 1.3, size=3_000)),
        "categories/same": (_digits(random, skewed, 10_000), _digits(random, skewed, 2_000)),
        "categories/moved": (_digits(random, skewed, 10_000), _digits(random, skewed[::-1], 2_000)),
    }


def _digits(random: np.random.Generator, shares: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    values: NDArray[np.float64] = random.choice(len(shares), size=size, p=shares).astype(np.float64)
    return values


def main() -> None:
    """Ask frouros, and write down what it says."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", REQUIREMENT], check=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        sides = datasets()
        np.savez(
            path,
            **{f"{name}/before": before for name, (before, _) in sides.items()},
            **{f"{name}/now": now for name, (_, now) in sides.items()},
        )
        said = subprocess.run(
            [str(python), "-c", _PEER, str(path)], check=True, capture_output=True, text=True
        ).stdout
    found = {"generated_by": "benchmarks/agreement.py", "library": REQUIREMENT, "scores": json.loads(said)}
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"{GOLDEN}: written")


if __name__ == "__main__":
    main()
