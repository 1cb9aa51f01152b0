"""All series that are followed: one of each signal, and those of models by metric, model and version."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from drift_exporter.config.infrastructure import Forecast, Infrastructure
from drift_exporter.infrastructure.answer import AnswerError, Points
from drift_exporter.infrastructure.followed import Followed, Shape
from drift_exporter.infrastructure.own import DIRECTIONS

VERSIONS = 4
"""Versions of a model that each metric is followed of: those that were seen last."""

SEASONAL = Forecast(method="seasonal")
"""How what is expected of models is found."""

Key = tuple[str, ...]
"""A signal's name alone, or metric, model and version."""

Take = Callable[[Sequence[Points], bool], None]


def shape_of(config: Infrastructure) -> Shape:
    """How much is kept of each series."""
    reach = config.correlation.window.seconds + config.correlation.max_lag
    history = round(config.history / config.resolution)
    return Shape(config.step, round(reach / config.step) + 1, config.resolution, history, history)


@dataclass
class Book:
    """The series by key. ``models`` are the configured ones: what others have is left alone."""

    config: Infrastructure
    models: Collection[str]
    shape: Shape = field(init=False)
    series: dict[Key, Followed] = field(default_factory=dict)
    _forecasts: dict[str, Forecast] = field(init=False)

    def __post_init__(self) -> None:
        self.shape = shape_of(self.config)
        self._forecasts = {signal.name: signal.forecast for signal in self.config.signals}
        for signal in self.config.signals:
            self.series[signal.name,] = Followed(self.shape, signal.direction)

    def forecast(self, key: Key) -> Forecast:
        """How what is expected of a series is found."""
        if len(key) > 1:
            return SEASONAL
        return self._forecasts[key[0]]

    def signals(self) -> Iterator[tuple[str, Followed]]:
        """The signals in the order of the configuration."""
        yield from ((signal.name, self.series[signal.name,]) for signal in self.config.signals)

    def metrics(self) -> Iterator[tuple[Key, Followed]]:
        """Metrics of models, in order."""
        yield from sorted((key, one) for key, one in self.series.items() if len(key) > 1)

    def of_model(self, key: Key) -> Followed:
        """A metric of a model's version, which may be new."""
        if key not in self.series:
            # Nothing is compared with what models were off by before the window.
            window = round(self.config.correlation.window.seconds / self.config.resolution)
            self.series[key] = Followed(replace(self.shape, compared=window), DIRECTIONS.get(key[0], "both"))
        return self.series[key]

    def take_over(self, key: Key, followed: Followed, now: float, *, changed: bool) -> None:
        """Go on with a series of before; ``changed``: something else is to be expected of it."""
        own = self.series.get(key)
        if own is not None:
            followed.direction = own.direction
        self.series[key] = followed
        if changed or followed.fit is None:
            followed.forget_fit()
        else:
            followed.use(followed.fit, now)

    def taker_of_signal(self, name: str) -> Take:
        """What takes the answers to a signal's query."""

        def take(points: Sequence[Points], history: bool) -> None:  # noqa: FBT001  # as all that take
            if len(points) > 1:
                first, second = (_shown(one.labels) for one in points[:2])
                raise AnswerError(
                    f"it gives {len(points)} series, such as {first} and {second}; wrap it in sum()"
                )
            for one in points:
                followed = self.series[name,]
                (followed.add_history if history else followed.add)(one)

        return take

    def taker_of_metric(self, metric: str) -> Take:
        """What takes the answers to the query of a metric of all models."""

        def take(points: Sequence[Points], history: bool) -> None:  # noqa: FBT001  # as all that take
            found: dict[Key, Points] = {}
            for one in points:
                if not {"model", "version"} <= one.labels.keys():
                    raise AnswerError(
                        f"it gives {_shown(one.labels)}, which has not both labels model and version; "
                        "keep them: sum by (model, version) (...)"
                    )
                key: Key = (metric, one.labels["model"], one.labels["version"])
                if key in found:
                    raise AnswerError(
                        f"it gives several series of model {key[1]}, version {key[2]}; wrap it in "
                        "sum by (model, version) ()"
                    )
                if key[1] in self.models and len(one.times):
                    found[key] = one
            for key in self._kept(metric, found):
                followed = self.of_model(key)
                (followed.add_history if history else followed.add)(found[key])
            self._forget(metric)

        return take

    def _kept(self, metric: str, found: Mapping[Key, Points]) -> Iterator[Key]:
        """The versions of each model that were seen last, of those found and those known."""
        newest = {key: float(one.times[-1]) for key, one in found.items()}
        for key, one in self.series.items():
            if len(key) > 1 and key[0] == metric:
                newest[key] = max(newest.get(key, 0.0), one.newest)
        for model in {key[1] for key in found}:
            of_model = sorted((key for key in newest if key[1] == model), key=lambda key: -newest[key])
            yield from (key for key in of_model[:VERSIONS] if key in found)

    def _forget(self, metric: str) -> None:
        """Let go of versions beyond those seen last."""
        by_model: dict[str, list[Key]] = {}
        for key in self.series:
            if len(key) > 1 and key[0] == metric:
                by_model.setdefault(key[1], []).append(key)
        for keys in by_model.values():
            keys.sort(key=lambda key: -self.series[key].newest)
            for key in keys[VERSIONS:]:
                del self.series[key]


def _shown(labels: Mapping[str, str]) -> str:
    text = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    return f"{{{text if len(text) <= 100 else text[:100] + '...'}}}"
