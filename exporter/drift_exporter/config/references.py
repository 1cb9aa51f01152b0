"""The kinds of references that are no files: a version's own past, and another version."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic.functional_validators import AfterValidator, BeforeValidator

from drift_exporter.config.fieldtypes import File, Lag, Period, Text, reference_form, reference_kind
from drift_exporter.config.positions import shorten
from drift_exporter.config.refusal import refuse, refuse_parts
from drift_exporter.config.section import Section
from drift_exporter.config.values import format_duration

SEASONS: Mapping[str, float] = {"day": 86_400.0, "week": 604_800.0}
"""Length of a season in seconds."""

LONGEST_OFFSET = 60
"""How many times the length of a rolling reference its offset may be."""

ENOUGH = 10_000
"""Records from which the exporter lays bins itself."""

_FEWEST_SEASONS = 2


class RollingReference(Section):
    """A version's own records of a while ago."""

    rolling: Period = Field(description="length of the reference, such as 7d")
    offset: Lag = Field(86_400.0, description="how long before the newest record it ends")
    seasonal: Literal["day", "week"] | None = Field(
        None, description="compare with the same time of the day, or of the week, only"
    )
    bins: File | None = Field(None, description="file made by reference build that holds the bins")

    @property
    def season(self) -> float | None:
        """Length of the season in seconds."""
        return None if self.seasonal is None else SEASONS[self.seasonal]

    @model_validator(mode="after")
    def _checked(self) -> "RollingReference":
        if self.season is not None and self.rolling < _FEWEST_SEASONS * self.season:
            text = (
                f"{format_duration(self.rolling)} holds less than two seasons; at least "
                f"{format_duration(_FEWEST_SEASONS * self.season)} with seasonal: {self.seasonal}"
            )
            raise refuse_parts([(("rolling",), text)])
        if self.offset > LONGEST_OFFSET * self.rolling:
            text = (
                f"{format_duration(self.offset)} is very long for a reference of "
                f"{format_duration(self.rolling)}; at most {LONGEST_OFFSET} times its length"
            )
            raise refuse_parts([(("offset",), text)])
        return self


def _stable(version: str) -> str:
    if version.lower().endswith(".json"):
        raise refuse(
            f"{shorten(version)} looks like a file, and a version is wanted that others are compared with; "
            'in a map of versions to files no version can be called "version" or "rolling"'
        )
    return version


class VersionReference(Section):
    """Another version, at the same time."""

    version: Annotated[Text, AfterValidator(_stable)] = Field(
        description="the version that all others are compared with"
    )
    bins: File | None = Field(None, description="file made by reference build that holds the bins")


ReferenceType = Annotated[
    Annotated[File, Tag("<file>")]
    | Annotated[Mapping[Text, File], Field(min_length=1), Tag("<map>")]
    | Annotated[RollingReference, Tag("<rolling>")]
    | Annotated[VersionReference, Tag("<version>")],
    Discriminator(reference_form),
    BeforeValidator(reference_kind),
]


def learns_bins(reference: object) -> bool:
    """Whether the exporter has to lay the bins itself, from the first records that it reads."""
    return isinstance(reference, RollingReference | VersionReference) and reference.bins is None


def learned_file(state_dir: Path, model: str) -> Path:
    """Where the bins are kept that the exporter has laid itself."""
    return state_dir / "references" / f"{model}.json"
