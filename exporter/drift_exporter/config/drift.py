"""How a model's drift is judged."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field
from pydantic.functional_validators import AfterValidator

from drift_exporter.config.fieldtypes import Text
from drift_exporter.config.refusal import refuse, refuse_parts
from drift_exporter.config.section import Section

MINIMUM_RECORDS = 50
EvaluationCount = Annotated[int, Field(strict=True, ge=1, le=100)]
RecordCount = Annotated[int, Field(strict=True, ge=10, le=10**9)]
Method = Literal["psi", "jensenshannon", "hellinger", "ks", "wasserstein", "chi2", "linf"]
Weight = Annotated[float, Field(strict=True, ge=0, le=1e9, allow_inf_nan=False)]


def _once_each(methods: tuple[str, ...]) -> tuple[str, ...]:
    again = [(i, method) for i, method in enumerate(methods) if method in methods[:i]]
    if again:
        raise refuse_parts([((i,), f'"{method}" is given twice; keep one') for i, method in again])
    return methods


def _some_weight(importance: Mapping[str, float]) -> Mapping[str, float]:
    if not any(importance.values()):
        raise refuse("no feature weighs more than 0; give one that matters a weight, such as 1")
    return importance


class Drift(Section):
    """How drift is judged."""

    minimum_records: RecordCount = Field(
        MINIMUM_RECORDS, description="records that a window needs before it is judged"
    )
    persistence: EvaluationCount = Field(
        1, description="evaluations in a row, each with news, that have to find a shift before it counts"
    )
    intervals: Annotated[tuple[Method, ...], AfterValidator(_once_each)] = Field(
        ("psi",), description="methods whose scores are exported with the ends of their intervals"
    )
    importance: Annotated[Mapping[Text, Weight], AfterValidator(_some_weight)] | None = Field(
        None, description="weight of each feature in what explains a shift; others weigh 0"
    )
