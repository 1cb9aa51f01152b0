"""How a model's drift is judged."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from drift_exporter.config.refusal import refuse
from drift_exporter.config.section import Section

MINIMUM_RECORDS = 50
EvaluationCount = Annotated[int, Field(strict=True, ge=1, le=100)]
RecordCount = Annotated[int, Field(strict=True, ge=10, le=10**9)]
SampleSize = Annotated[int, Field(strict=True, ge=200, le=20_000)]
Method = Literal["pca", "domain_classifier", "mmd", "correlation"]


def _each_once(methods: tuple[Method, ...]) -> tuple[Method, ...]:
    for position, method in enumerate(methods):
        if method in methods[:position]:
            raise refuse(f"{method} is given twice; keep one")
    return methods


class Drift(Section):
    """How drift is judged."""

    minimum_records: RecordCount = Field(
        MINIMUM_RECORDS, description="records that a window needs before it is judged"
    )
    persistence: EvaluationCount = Field(
        1, description="evaluations in a row, each with news, that have to find a shift before it counts"
    )
    multivariate: Annotated[tuple[Method, ...], AfterValidator(_each_once)] = Field(
        (), description="methods that look at all columns together"
    )
    sample: SampleSize = Field(2_000, description="records of a window kept for these methods")
