"""How detectors of anomalous records do: against PyOD itself, how fast, and how often windows alarm.

Run it: python benchmarks/anomalies.py [--only shuttle,detectors,real,simulated] [--write]. It prints tables,
and with --write puts them into docs/statistics.md. It takes ten minutes of CPU. Exits with 1 where the ROC
AUC of a detector is farther than 0.005 from PyOD's own.
"""

import argparse
import os
import sys
from collections.abc import Callable

from page import replace_table

PARTS = ("shuttle", "detectors", "real", "simulated")


def _parts() -> dict[str, Callable[[], tuple[str, bool]]]:
    """What makes each table, with whether all is as it should be."""
    # As the exporter has it; it is read when NumPy is loaded.
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    from anomaly.detectors import all_detectors  # noqa: PLC0415 - after the above
    from anomaly.shuttle import shuttle  # noqa: PLC0415 - after the above
    from anomaly.windows import real_windows, simulated_windows  # noqa: PLC0415 - after the above

    return {
        "shuttle": shuttle,
        "detectors": lambda: (all_detectors(), True),
        "real": lambda: (real_windows(), True),
        "simulated": lambda: (simulated_windows(), True),
    }


def main() -> int:
    """Run it all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(PARTS), help="some of " + ", ".join(PARTS))
    parser.add_argument("--write", action="store_true", help="put the tables into docs/statistics.md")
    arguments = parser.parse_args()
    parts, fine = _parts(), True
    for part in arguments.only.split(","):
        table, near = parts[part]()
        fine = fine and near
        print(f"\n{table}\n", flush=True)
        if arguments.write:
            replace_table(f"benchmarks/anomalies.py, {part}", table)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
