"""Which field of a sample plays which role, guessed from names and values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from drift_exporter.config.checks import clashing_paths
from drift_exporter.config.profile import FEW, MANY, Keys, Profile
from drift_exporter.config.values import join_path, split_path

# Names in the order of preference, in lower case with underscores.
_NAMES: dict[str, tuple[str, ...]] = {
    "timestamp": (
        *("timestamp", "@timestamp", "ts", "event_time", "event_timestamp", "prediction_time"),
        *(
            "prediction_timestamp",
            "request_time",
            "request_timestamp",
            "logged_at",
            "created_at",
            "received_at",
        ),
        *("datetime", "date_time", "time", "created", "date"),
    ),
    "id": (
        *("request_id", "prediction_id", "inference_id", "event_id", "transaction_id", "record_id", "id"),
        *("uuid", "identifier", "x_request_id", "correlation_id"),
    ),
    "version": ("model_version", "version", "model_revision", "revision", "model_ver", "ver"),
    "score": (
        *("score", "probability", "confidence", "y_pred_proba", "y_proba", "proba", "prob"),
        *(
            "prediction_score",
            "prediction_probability",
            "predicted_probability",
            "predicted_proba",
            "pred_proba",
        ),
    ),
    "prediction": (
        *(
            "prediction",
            "y_pred",
            "predicted",
            "pred",
            "predicted_label",
            "predicted_class",
            "predicted_value",
        ),
        *("prediction_label", "y_hat", "yhat", "decision", "output", "result"),
    ),
    "error": ("error", "error_message", "error_code", "exception", "err", "failed", "is_error"),
    "trace_id": ("trace_id", "traceid", "x_trace_id", "trace"),
    "label": ("label", "y_true", "ground_truth", "true_label", "actual", "target", "truth", "y"),
}
_MODEL_NAMES = ("model", "model_name", "model_id")
_LATENCY = re.compile(
    r"(?:\w+_)?(?:latency|duration|elapsed|took|(?:response|inference|processing|predict(?:ion)?)_time)"
    r"(?:_(?P<unit>ms|millis|msec|milliseconds|us|micros|usec|microseconds|ns|nanos|nanoseconds|s|sec|secs|seconds))?"
)
_UNITS = {"mi": "ms", "ms": "ms", "us": "us", "na": "ns", "ns": "ns", "s": "s", "se": "s"}
_CONTAINERS = ("features", "feature", "inputs", "input", "feature_values", "instance", "attributes")
_PROBABILITY = re.compile(r"(?:y_pred_)?(?:proba|probability|prob|score)_\w+|\w+_(?:proba|probability)")
_IDENTIFIES = "identifies a record: nearly every value is another one"
_FREE_TEXT = "is free text: to judge its length, words and characters, name it in features, with type: text"
_IDENTIFIER = re.compile(r"(?:\w+_)?(?:id|uuid|guid|key)")


@dataclass
class Roles:
    """Fields by role, what is left as features by name, and what was left out, with the reason."""

    fields: dict[str, Profile] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    unit: str = "s"
    features: dict[str, Profile] = field(default_factory=dict)
    pattern: str | None = None
    models: Profile | None = None
    left_out: list[tuple[Keys, str]] = field(default_factory=list)


def snake_case(name: str) -> str:
    """``requestId`` and ``request-id`` as ``request_id``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").replace(" ", "_").lower()


def assign(found: Sequence[Profile]) -> Roles:
    """Give each field a role, or make it a feature, or leave it out."""
    roles = Roles()
    usable = _usable(found, roles)
    container = _container(usable)
    inside = [p for p in usable if container is None or p.path[: len(container)] == container]
    outside = usable if container is None else [p for p in usable if p not in inside]
    for role in _NAMES:
        _assign_role(role, outside, roles)
    _assign_latency(outside, roles)
    _probability_as_prediction(roles)
    taken = {profile.path for profile in roles.fields.values()}
    roles.models = next((p for p in outside if p.path not in taken and _names_models(p)), None)
    if container is not None:
        aside = [p.path for p in outside if p.path not in taken]
        roles.left_out += [(path, f"stands outside of {join_path(container)}") for path in aside]
    _assign_features([p for p in inside if p.path not in taken], container, roles)
    return roles


def _usable(found: Sequence[Profile], roles: Roles) -> list[Profile]:
    """Fields that a configuration can name, side by side."""
    reasons = {profile.path: reason for profile in found if (reason := _unusable(profile)) is not None}
    below: dict[Keys, int] = {}
    for profile in found:
        for end in range(1, len(profile.path)):
            below[profile.path[:end]] = max(below.get(profile.path[:end], 0), profile.present)
    for profile in found:
        if below.get(profile.path, 0) > profile.present:
            reasons.setdefault(profile.path, "is an object in most records")
    kept = sorted((p for p in found if p.path not in reasons), key=lambda p: -p.present)
    for path, _ in clashing_paths({p.path: join_path(p.path) for p in kept}):
        # A place is the path itself here.
        reasons[tuple(map(str, path))] = "clashes with another field, by case or as an object"
    roles.left_out += reasons.items()
    return [profile for profile in found if profile.path not in reasons]


def _unusable(profile: Profile) -> str | None:
    """Why no role can be played by a field, whatever its name; None if one can."""
    if not _writable(profile.path):
        return "has a name that cannot be written in a configuration"
    if profile.present:
        return None if profile.scalar else _embedding(profile) or "is a list"
    # Errors are rare, so that a sample may well have none.
    return None if snake_case(profile.path[-1]) in _NAMES["error"] else "has no value in the sample"


def _embedding(profile: Profile) -> str | None:
    """What to do with a field of vectors; None if it is none."""
    if profile.dimension is None:
        return None
    return f"holds {profile.dimension:,} numbers a record: name it in features, with type: embedding"


def _writable(keys: Keys) -> bool:
    path = join_path(keys)
    return (
        path.isprintable()
        and all(key.strip() for key in keys)
        and keys[-1] != "*"
        and split_path(path) == keys
    )


def _container(usable: Sequence[Profile]) -> Keys | None:
    """The object that holds the features, if there is one."""
    objects = {profile.path[:end] for profile in usable for end in range(1, len(profile.path))}
    named = [path for path in objects if snake_case(path[-1]) in _CONTAINERS]
    return min(named, key=lambda p: (_CONTAINERS.index(snake_case(p[-1])), len(p), p), default=None)


def _fits(role: str, profile: Profile) -> bool:
    """Whether a field's values can play a role that its name suggests."""
    if role == "timestamp":
        return profile.time_form is not None
    if role == "id":
        return profile.unique
    if role == "version":
        return len(profile.distinct) <= MANY and (len(profile.distinct) <= FEW or not profile.numeric)
    return profile.numeric if role == "score" else True


def _names_models(profile: Profile) -> bool:
    """Whether a field may tell several models apart. It may as well be a feature: cars have models too."""
    texts = all(isinstance(value, str) for value in profile.distinct)
    few = 1 < len(profile.distinct) <= FEW
    return snake_case(profile.path[-1]) in _MODEL_NAMES and texts and few and profile.time_form is None


def _assign_role(role: str, candidates: Sequence[Profile], roles: Roles) -> None:
    names = _NAMES[role]
    taken = {profile.path for profile in roles.fields.values()}
    fitting = [p for p in candidates if p.path not in taken and _fits(role, p)]
    named = [p for p in fitting if snake_case(p.path[-1]) in names]
    if named:
        roles.fields[role] = min(named, key=lambda p: (len(p.path), names.index(snake_case(p.path[-1]))))
        if role == "error" and not roles.fields[role].present:
            roles.notes[role] = "by its name; no record of the sample has one"
    elif role == "timestamp" and (times := [p for p in fitting if not p.numeric]):
        roles.fields[role] = times[0]
        roles.notes[role] = "by its values alone"


def _assign_latency(candidates: Sequence[Profile], roles: Roles) -> None:
    taken = {profile.path for profile in roles.fields.values()}
    for profile in candidates:
        match = _LATENCY.fullmatch(snake_case(profile.path[-1]))
        if match is None or not profile.numeric or profile.path in taken or profile.low < 0:
            continue
        roles.fields["latency"] = profile
        said = match["unit"]
        if said is None:
            middle = median(float(value) for value in profile.distinct)
            roles.unit = "s" if middle < 5 else "ms"
            roles.notes["latency"] = f"unit guessed: the middle of the values is {middle:.3g}; check it"
        else:
            roles.unit = "us" if said.startswith("mic") else _UNITS[said[:2]]
            roles.notes["latency"] = "unit by the field's name"
        return


def _probability_as_prediction(roles: Roles) -> None:
    """A prediction that is a fraction between 0 and 1 is a score."""
    prediction = roles.fields.get("prediction")
    if prediction is None or "score" in roles.fields or not prediction.numeric or prediction.whole:
        return
    label = roles.fields.get("label")
    if prediction.low >= 0 and prediction.high <= 1 and (label is None or len(label.distinct) <= FEW):
        roles.fields["score"] = roles.fields.pop("prediction")
        roles.notes["score"] = "its values lie between 0 and 1, so it is taken for a probability"


def _assign_features(left: Sequence[Profile], container: Keys | None, roles: Roles) -> None:
    kept = []
    for profile in left:
        reason = _no_feature(profile, inside=container is not None)
        if reason is None:
            kept.append(profile)
        else:
            roles.left_out.append((profile.path, reason))
    last = [profile.path[-1] for profile in kept]
    for profile in kept:
        below = profile.path[len(container) :] if container is not None else profile.path
        roles.features[profile.path[-1] if last.count(profile.path[-1]) == 1 else ".".join(below)] = profile
    dropped = [
        path for path, _ in roles.left_out if container is not None and path[: len(container)] == container
    ]
    direct = container is not None and all(len(p.path) == len(container) + 1 for p in kept)
    if container is not None and kept and direct and not dropped:
        roles.pattern = join_path((*container, "*"))


def _no_feature(profile: Profile, *, inside: bool) -> str | None:
    """Why a field that is left is no feature; None if it is one."""
    name = snake_case(profile.path[-1])
    if not profile.present:
        return "has no value in the sample"
    if not profile.numeric:
        return _no_category(profile)
    if profile.unique and _IDENTIFIER.fullmatch(name):
        return _IDENTIFIES
    if inside:
        return None
    doubts = {
        "looks like one of several probabilities; score takes one field": _PROBABILITY,
        "looks like a second latency": _LATENCY,
    }
    return next((reason for reason, pattern in doubts.items() if pattern.fullmatch(name)), None)


def _no_category(profile: Profile) -> str | None:
    if profile.time_form is not None:
        return "is a time"
    if (embedding := _embedding(profile)) is not None:
        return embedding
    if profile.free_text:
        return _FREE_TEXT
    if profile.unique:
        return _IDENTIFIES
    count = len(profile.distinct)
    return f"is text with {count:,} different values, too many for categories" if count > MANY else None


def guess_task(roles: Roles) -> tuple[str, str]:
    """The task, and what it was guessed from."""
    for role in ("label", "prediction"):
        profile = roles.fields.get(role)
        if profile is None:
            continue
        count = len(profile.distinct)
        if profile.numeric and (not profile.whole or count > MANY):
            return "regression", f"{role} is a number with {count:,} different values"
        if count <= 2:
            return "binary", f"{role} has {count} different value{'s' * (count != 1)}"
        return "multiclass", f"{role} has {count:,} different values"
    if "score" in roles.fields:
        return "binary", "there is a score, and no field with the answer"
    return "binary", "nothing in the log tells; say which it is"
