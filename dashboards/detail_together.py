"""Panels of "Model detail" that look at all columns together, by the methods of drift.multivariate."""

from grafanalib import core

from links import column_link
from panels import CONFIDENCE_STEPS, query, state_timeline, timeseries
from queries import highest
from tables import column, joined, table

BY = "version, method"
TO_COLUMN = [column_link("__data.fields.Column", "__data.fields.Version", "__data.fields.Kind")]


def together_panels(matchers: str) -> list[core.Panel]:
    """Drift that no single column shows, such as of how columns go together."""
    w = f'{matchers}, window="$window"'
    shares = "version, method, column, kind"
    by_pair = "version, column, kind, other, other_kind"
    return [
        state_timeline(
            "Confidence by method",
            "How sure it is that all columns together have drifted by more than the method tolerates, in the "
            "chosen window: red is certain, orange likely.",
            query(highest("model_multivariate_drift_confidence", w, BY), "{{method}} {{version}}"),
            unit="percentunit",
            decimals=1,
            steps=CONFIDENCE_STEPS,
            size=(12, 8),
        ),
        timeseries(
            "Score by method",
            "Distance of all columns together from the reference in the chosen window; each method has a "
            "scale of its own.",
            query(highest("model_multivariate_drift_score", w, BY), "{{method}} {{version}}"),
            unit="none",
            decimals=3,
        ),
        table(
            "Columns that set the window apart",
            "Share of each column in what sets the window apart from the reference, where the method is "
            "sure of it. Click a column for its distribution.",
            query(highest("model_multivariate_drift_column_ratio", w, shares), table=True),
            transformations=joined(
                {
                    "column": "Column",
                    "kind": "Kind",
                    "version": "Version",
                    "method": "Method",
                    "Value": "Share",
                },
                hide=[],
            ),
            columns=[
                column("Column", links=TO_COLUMN),
                column("Share", unit="percentunit", decimals=1),
            ],
            sort=["-Share"],
            size=(12, 8),
        ),
        table(
            "Pairs of columns that changed",
            "Rank correlation in the window less that in the reference, of the pairs where it has drifted, "
            "by method correlation. Click the first column for its distribution.",
            query(highest("model_correlation_drift", w, by_pair), table=True),
            transformations=joined(
                {
                    "column": "Column",
                    "kind": "Kind",
                    "other": "With",
                    "other_kind": "Its kind",
                    "version": "Version",
                    "Value": "Change",
                },
                hide=[],
            ),
            columns=[
                column("Column", links=TO_COLUMN),
                column("Change", unit="none", decimals=2),
            ],
            sort=["Column"],
            size=(12, 8),
        ),
    ]
