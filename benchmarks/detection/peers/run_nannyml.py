"""NannyML: UnivariateDriftCalculator with its default methods and thresholds, a chunk for each window."""

import nannyml
import pandas as pd
from job import Case, cpu, run


def judge(case: Case) -> tuple[list[list[bool]], float]:
    """Fit once on the reference, then one calculation over all windows, a chunk each."""
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=list(case.columns), treat_as_categorical=list(case.categorical), chunk_size=case.size
    )
    calculator.fit(case.reference)
    windows = pd.concat([case.window(number) for number in case.chosen], ignore_index=True)
    begin = cpu()
    result = calculator.calculate(windows)
    spent = cpu() - begin
    found = result.filter(period="analysis").to_df()
    alarms = [found[name].xs("alert", axis=1, level=-1).any(axis=1).tolist() for name in case.columns]
    return [list(row) for row in zip(*alarms, strict=True)], spent / len(case.chosen)


if __name__ == "__main__":
    run(judge)
