"""The landing page and the list of models."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from drift_exporter import __version__
from drift_exporter.expose.report.document import document
from drift_exporter.expose.report.markup import Markup, join, named, tag
from drift_exporter.expose.report.signals import signals_table
from drift_exporter.expose.report.tables import listing
from drift_exporter.expose.report.words import EN_DASH, count, moment, percent, plural, sureness
from drift_exporter.snapshot import ModelSnapshot, Snapshot, SourceSnapshot, WindowSnapshot

_LINKS = (
    ("metrics", "the metrics, for Prometheus"),
    ("models", "the models and their drift reports"),
    ("config", "the configuration in use, secrets masked"),
    ("-/healthy", "whether the exporter answers"),
    ("-/ready", "whether the first evaluation is done"),
)

_MODEL_COLUMNS = (
    ("Model", ""),
    ("State", "whole"),
    ("Team", ""),
    ("Impact", ""),
    ("Records", "number"),
    ("Newest record", ""),
)
_SOURCE_COLUMNS = (
    ("Source", ""),
    ("State", "whole"),
    ("Records", "number"),
    ("Rejected", "number"),
    ("Unread bytes", "number"),
    ("Read up to", ""),
)
_NAMED = 5


def landing_page(snapshot: Snapshot, not_ready: str | None) -> str:
    """What is here, the state of models and sources."""
    links = [tag("li", tag("a", f"/{path}", href=path), f" {EN_DASH} {what}") for path, what in _LINKS]
    return document(
        "drift-exporter",
        tag("h1", "drift-exporter"),
        tag(
            "p",
            f"Version {__version__}. "
            "Prometheus metrics of machine-learning models from their prediction logs.",
        ),
        *_state(snapshot, not_ready),
        tag("ul", *links),
        tag("h2", "Models"),
        _models(snapshot),
        tag("h2", "Sources"),
        _sources(snapshot),
        *_signals(snapshot),
        root="",
    )


def models_page(snapshot: Snapshot, not_ready: str | None) -> str:
    """All models, each with a link to its report."""
    return document(
        "Models \N{MIDDLE DOT} drift-exporter",
        tag("h1", "Models"),
        *_state(snapshot, not_ready),
        _models(snapshot),
        root="",
    )


def _state(snapshot: Snapshot, not_ready: str | None) -> list[Markup]:
    notices = []
    if not_ready is not None:
        notices.append(tag("p", f"Not ready: {not_ready}", class_="notice"))
    if not snapshot.config_reload_successful:
        loaded = moment(snapshot.config_reload_timestamp)
        notices.append(
            tag(
                "p",
                "The last reload was refused; the configuration of ",
                loaded,
                " is in use.",
                class_="notice",
            )
        )
    return notices


def _models(snapshot: Snapshot) -> Markup:
    if not snapshot.models:
        return tag("p", "No model has been evaluated yet.", class_="quiet")
    return listing(_MODEL_COLUMNS, [_model(model) for model in snapshot.models])


def _model(model: ModelSnapshot) -> list[str | Markup]:
    newest = max((v.last_timestamp for v in model.versions if v.last_timestamp is not None), default=None)
    link = tag("a", named(model.name), href=f"models/{quote(model.name, safe='', errors='replace')}")
    problem = [] if model.problem is None else [tag("div", model.problem, class_="quiet")]
    without = _without_reference(model)
    return [
        link,
        join([_model_state(model), *problem, *([] if without is None else [without])]),
        named(model.team),
        model.impact,
        count(sum(v.predictions for v in model.versions)),
        EN_DASH if newest is None else moment(newest),
    ]


def _model_state(model: ModelSnapshot) -> Markup:
    if model.problem is not None:
        return tag("span", "evaluation failed", class_="badge bad")
    if not model.reference:
        return tag("span", "no reference", class_="badge")
    scored = [window for version in model.versions for window in version.windows if window.columns]
    if not scored:
        return tag("span", "no scores yet", class_="badge")
    worst = max(scored, key=lambda window: (window.drifted_ratio or 0.0, window.dataset_confidence or 0.0))
    if any(column.drifted for column in worst.columns):
        badge = tag("span", "drifted", class_="badge bad")
        return tag("span", badge, " ", tag("span", _how_far(worst), class_="quiet"))
    return tag("span", "within tolerance", class_="badge good")


def _without_reference(model: ModelSnapshot) -> Markup | None:
    """The versions that are compared to nothing, though the model has references for others."""
    without = [version for version in model.versions if version.reference is None]
    if not model.reference or not without:
        return None
    unknown = [version.version for version in without if version.absent is None]
    told = [tag("div", "no reference for version ", _listed(unknown), class_="quiet")] if unknown else []
    told += [
        tag("div", "version ", named(version.version, 40), f": {version.absent}", class_="quiet")
        for version in without
        if version.absent is not None
    ]
    return join(told[:_NAMED])


def _listed(names: Sequence[str]) -> Markup:
    shown: list[str | Markup] = []
    for name in names[:_NAMED]:
        shown += [", ", named(name, 40)] if shown else [named(name, 40)]
    return join([*shown, f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""])


def _how_far(window: WindowSnapshot) -> str:
    parts = [f"in {window.name}"]
    if window.drifted_ratio is not None:
        parts.append(f"{percent(window.drifted_ratio)} of columns")
    if window.dataset_confidence is not None:
        parts.append(f"{sureness(window.dataset_confidence)} sure")
    return ", ".join(parts)


def _sources(snapshot: Snapshot) -> Markup:
    if not snapshot.sources:
        return tag("p", "No source has been opened yet.", class_="quiet")
    return listing(_SOURCE_COLUMNS, [_source(source) for source in snapshot.sources])


def _signals(snapshot: Snapshot) -> list[Markup]:
    if snapshot.infrastructure is None:
        return []
    return [tag("h2", "Signals"), signals_table(snapshot.infrastructure)]


def _source(source: SourceSnapshot) -> list[str | Markup]:
    state = tag("span", "up", class_="badge good") if source.up else tag("span", "down", class_="badge bad")
    problem = [] if source.problem is None else [tag("div", source.problem, class_="quiet")]
    strangers = _unconfigured(source.unconfigured)
    return [
        join([named(source.name), " ", tag("span", source.type, class_="quiet")]),
        join([state, *problem, *([] if strangers is None else [strangers])]),
        count(source.records),
        count(sum(source.rejected.values())),
        EN_DASH if source.lag_bytes is None else count(source.lag_bytes),
        EN_DASH if source.watermark is None else moment(source.watermark),
    ]


def _unconfigured(counts: Mapping[str, int]) -> Markup | None:
    """Whose records stand in a shared log beside those of the configured models."""
    if not counts:
        return None
    names = sorted(counts, key=lambda name: (-counts[name], name))
    told = plural(sum(counts.values()), "record names", "records name")
    return tag("div", f"{told} no configured model: ", _listed(names), class_="quiet")
