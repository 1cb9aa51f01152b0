"""How a model's drift is judged."""

from typing import Annotated

from pydantic import Field

from drift_exporter.config.section import Section

MINIMUM_RECORDS = 50
EvaluationCount = Annotated[int, Field(strict=True, ge=1, le=100)]
RecordCount = Annotated[int, Field(strict=True, ge=10, le=10**9)]


class Drift(Section):
    """How drift is judged."""

    minimum_records: RecordCount = Field(
        MINIMUM_RECORDS, description="records that a window needs before it is judged"
    )
    persistence: EvaluationCount = Field(
        1, description="evaluations in a row, each with news, that have to find a shift before it counts"
    )
