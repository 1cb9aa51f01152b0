"""What the query API of Prometheus answers, as arrays."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from drift_exporter.reference.model import FloatArray


class AnswerError(Exception):
    """An answer that is none to a range query; the text says what is wrong with it."""


@dataclass(frozen=True)
class Points:
    """One series: its labels, and values (n,) at times (n,) in seconds since the epoch, all finite."""

    labels: Mapping[str, str]
    times: FloatArray
    values: FloatArray


@dataclass(frozen=True)
class RangeAnswer:
    """All series of an answer, and what the server warns of."""

    series: Sequence[Points]
    warnings: Sequence[str]


def read_range(body: bytes) -> RangeAnswer:
    """The answer to a range query; what is not a number (NaN, infinite) is absent. Raises AnswerError."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise AnswerError("the answer is no JSON; is this the URL of a Prometheus server?") from None
    reason = reason_of(document)
    if reason is not None:
        raise AnswerError(reason)
    try:
        data = document["data"]
        kind, result = data["resultType"], data["result"]
        if kind != "matrix":
            raise AnswerError(f"the answer is a {kind}, and a matrix was asked for")
        warnings = [str(warning) for warning in document.get("warnings") or ()]
        return RangeAnswer([_points(one) for one in result], warnings)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise AnswerError("the answer is none of a query; is this the URL of a Prometheus server?") from None


def reason_of(document: object) -> str | None:
    """Why a query was refused, from its answer; None where it was not, or nothing is said."""
    if not isinstance(document, dict) or document.get("status") != "error":
        return None
    kind, text = (str(document.get(key, "")) for key in ("errorType", "error"))
    return f"{kind}: {text}" if text else kind or "error"


def _points(series: Mapping[str, Any]) -> Points:
    if "histograms" in series and not series.get("values"):
        raise AnswerError("the series are native histograms; use histogram_quantile(), or another function")
    pairs = series.get("values", ())
    times = np.fromiter((time for time, _ in pairs), np.float64, len(pairs))
    values = np.fromiter((float(value) for _, value in pairs), np.float64, len(pairs))
    known = np.isfinite(values)
    labels = {str(name): str(value) for name, value in series["metric"].items()}
    return Points(labels, times[known], values[known])
