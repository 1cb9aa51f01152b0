"""alibi-detect: TabularDrift with its default p-value, 0.05, by Bonferroni's correction over the columns."""

import numpy as np
import pandas as pd
from alibi_detect.cd import TabularDrift
from job import Case, cpu, run


def judge(case: Case) -> tuple[list[list[bool]], float]:
    """One detector, asked about each window; a column alarms below the corrected threshold."""
    windows = [case.window(number) for number in case.chosen]
    known = {
        name: sorted(set().union(*(frame[name].dropna() for frame in (case.reference, *windows))))
        for name in case.categorical
    }
    categories = {case.columns.index(name): None for name in known}
    detector = TabularDrift(numbers(case, known, case.reference), categories_per_feature=categories or None)
    alarms, spent = [], 0.0
    for frame in windows:
        window = numbers(case, known, frame)
        begin = cpu()
        answer = detector.predict(window)["data"]
        spent += cpu() - begin
        # What cannot be computed, such as with missing values, is no alarm.
        alarms.append([bool(p < answer["threshold"]) for p in answer["p_val"]])
    return alarms, spent / len(case.chosen)


def numbers(case: Case, known: dict[str, list[str]], frame: pd.DataFrame) -> np.ndarray:
    """Columns as numbers: of a category its place, of a missing one the place after the last."""
    columns = [
        frame[name].to_numpy()
        if name in case.numeric
        else pd.Categorical(frame[name], known[name]).codes.astype(float) % (len(known[name]) + 1)
        for name in case.columns
    ]
    return np.column_stack(columns).astype(np.float32)


if __name__ == "__main__":
    run(judge)
