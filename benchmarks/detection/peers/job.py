"""What the peers' programs share: the files they read, and the verdicts they write.

They run in environments of their own, so nothing of the exporter can be imported here.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd


def cpu() -> float:
    """CPU seconds of this process so far, user and system."""
    times = os.times()
    return times.user + times.system


@cache
def read(path: str, numeric: tuple[str, ...], categorical: tuple[str, ...]) -> pd.DataFrame:
    """A file's columns: numbers as float, categories as text."""
    frame = pd.read_parquet(path, columns=[*numeric, *categorical])
    return frame.astype(dict.fromkeys(numeric, "float64") | dict.fromkeys(categorical, "object"))


class Case:
    """A reference, and windows of it that are to be judged."""

    def __init__(self, job: dict) -> None:
        self.name = job["name"]
        self.numeric = tuple(job["numeric"])
        self.categorical = tuple(job["categorical"])
        self.columns = (*self.numeric, *self.categorical)
        self.size = job["size"]
        self.chosen = job["chosen"]
        self.reference = read(job["reference"], self.numeric, self.categorical)
        self._rows = read(job["windows"], self.numeric, self.categorical)

    def window(self, number: int) -> pd.DataFrame:
        """The rows of one window."""
        return self._rows.iloc[number * self.size : (number + 1) * self.size].reset_index(drop=True)


def run(judge: Callable[[Case], tuple[list[list[bool]], float]]) -> None:
    """Judge the cases of the job that the command line names, but for those in its output, in its time.

    ``judge`` gives whether each of the chosen windows alarms by each column, and CPU seconds per window. Each
    case adds a line to the output once it is judged.
    """
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    output = Path(job["output"])
    output.touch()
    known = {json.loads(line)["key"] for line in output.read_text(encoding="utf-8").splitlines()}
    end = time.monotonic() + job["seconds"]
    for one in job["cases"]:
        if one["key"] in known or time.monotonic() > end:
            continue
        case = Case(one)
        begin = cpu()
        alarms, spent = judge(case)
        print(case.name, len(case.chosen), "windows,", round(cpu() - begin, 1), "s CPU", flush=True)
        answer = {"columns": case.columns, "windows": case.chosen, "alarms": alarms, "cpu": spent}
        with output.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"key": one["key"], **answer}) + "\n")
