"""Evidently: DataDriftPreset() with nothing set."""

from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
from job import Case, cpu, run


def judge(case: Case) -> tuple[list[list[bool]], float]:
    """A report for each window, whose tests say which columns have drifted."""
    definition = DataDefinition(
        numerical_columns=list(case.numeric), categorical_columns=list(case.categorical)
    )
    reference = Dataset.from_pandas(case.reference, definition)
    alarms, spent = [], 0.0
    for number in case.chosen:
        current = Dataset.from_pandas(case.window(number), definition)
        begin = cpu()
        snapshot = Report([DataDriftPreset()], include_tests=True).run(current, reference)
        found = drifted(snapshot.dict())
        spent += cpu() - begin
        alarms.append([found[name] for name in case.columns])
    return alarms, spent / len(case.chosen)


def drifted(document: dict) -> dict[str, bool]:
    """Whether each column has drifted: its test fails."""
    return {
        test["metric_config"]["params"]["column"]: test["status"] == "FAIL"
        for test in document["tests"]
        if "column" in test["metric_config"]["params"]
    }


if __name__ == "__main__":
    run(judge)
