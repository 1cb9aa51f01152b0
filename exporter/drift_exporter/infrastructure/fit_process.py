"""A process that learns forecasts: a task a line of its input, what became of it a line of its output."""

import contextlib
import json
import math
import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from drift_exporter.config.infrastructure import Forecast
from drift_exporter.errors import DriftExporterError
from drift_exporter.infrastructure.fits import Task, learn

_NICE = 10


def to_line(task: Task) -> str:
    """A task as JSON."""
    values = [None if math.isnan(value) else value for value in task.values.tolist()]
    document = {
        "forecast": task.forecast.model_dump(mode="json"),
        "times": task.times.tolist(),
        "values": values,
        "step": task.step,
        "until": task.until,
    }
    return json.dumps(document)


def _task(document: Mapping[str, Any]) -> Task:
    return Task(
        Forecast.model_validate(document["forecast"]),
        np.array(document["times"], dtype=np.float64),
        np.array(document["values"], dtype=np.float64),
        document["step"],
        document["until"],
    )


def main() -> None:
    """Serve until the input ends."""
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    # Whatever libraries print goes elsewhere.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        try:
            fit = learn(_task(json.loads(line)))
            found: dict[str, object] = {"fit": None if fit is None else fit.to_document()}
        except DriftExporterError as error:
            found = {"problem": str(error)}
        except Exception as error:  # noqa: BLE001  # whatever it is, who asked tells of it
            found = {"problem": f"{type(error).__name__}: {error}"}
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
