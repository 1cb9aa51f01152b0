"""Logs that several models share: whose names are known, and what is counted of those that are not."""

from collections import Counter
from collections.abc import Mapping, Sequence

from drift_exporter.config.schema import Config, Model
from drift_exporter.decode.plan import CODE_FIRST, CODE_INVALID, CODE_MISSING, CODE_OTHER
from drift_exporter.decode.records import Shared

UNNAMED = "unnamed"
"""What a record without a name counts as."""

OTHER_MODEL = "other"
"""What the records of further names count as, once as many are told apart as may be."""


def configured_names(model: Model, config: Config) -> tuple[str, ...]:
    """Names of all configured models, that of ``model`` first."""
    others = sorted(other.name for other in config.models if other.name != model.name)
    return (model.name, *others)


def strangers_in(shared: Shared, names: Sequence[str], configured: int) -> Counter[str]:
    """How many records hold no configured model's name, by the name they hold.

    ``names`` are those that the decoder told apart; the first ``configured`` of them are configured. What a
    log itself calls ``other`` or ``unnamed`` is counted together with what these words stand for here.
    """
    counts = shared.counts.tolist()
    counted = Counter(
        {UNNAMED: counts[CODE_MISSING] + counts[CODE_INVALID], OTHER_MODEL: counts[CODE_OTHER]},
    )
    for name, count in zip(names[configured:], counts[CODE_FIRST + configured :], strict=True):
        counted[name] += count
    # What was not seen has no count, rather than one of 0.
    return +counted


def unconfigured(counted: Mapping[str, int], configured: Sequence[str]) -> dict[str, int]:
    """What to tell of ``strangers_in``: not of names that were configured since."""
    known = set(configured) - {UNNAMED, OTHER_MODEL}
    return {name: count for name, count in counted.items() if name not in known}
