"""Bodies of inference requests and responses, one row for each record of the batch.

The V1 protocol (``instances``, ``predictions``), the V2 one (``inputs``, ``outputs``: tensors) and Seldon's
(``data`` with ``ndarray`` or ``tensor``). A row maps names to values: a tensor with one value for each record
goes by its own name, with k values by its name with ``_0`` to ``_k-1`` behind it; values without a name are
``f0`` and so on in a request and ``prediction`` in a response.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]

WIDEST = 1000
"""Values of one tensor for one record that get names of their own, at most: more are an image or the like."""

OUTPUT = "prediction"
"""What an output without a name is called."""


class UnreadableBodyError(ValueError):
    """A body is none of an inference request or response; the text says why and what would be right."""


@dataclass(frozen=True)
class _Tensor:
    """``width`` values for each of ``rows`` records, in that order."""

    name: str
    rows: int
    width: int
    values: Sequence[Any]


def response_rows(body: Any) -> list[Row]:  # noqa: ANN401 (parsed JSON)
    """Outputs of each record. Raises UnreadableBodyError."""
    body = _object(body)
    if isinstance(predictions := body.get("predictions"), list):
        return [_prediction(value) for value in predictions]
    if isinstance(outputs := body.get("outputs"), list):
        tensors = [_tensor(raw) for raw in outputs]
        if tensors:
            return _table([tensor for tensor in tensors if tensor.rows == tensors[0].rows], _outputs)
    if isinstance(data := body.get("data"), Mapping):
        names, tensor = _seldon(data)
        if names and len(names) == tensor.width:
            return [row | _largest(OUTPUT, list(row.values())) for row in _named(names, tensor)]
        return _table([tensor], _outputs)
    raise UnreadableBodyError("is no response; it holds predictions (V1), outputs (V2) or data")


def request_rows(body: Any, names: Sequence[str] | None, rows: int | None = None) -> list[Row]:  # noqa: ANN401 (parsed JSON)
    """Inputs of each record; ``rows`` is how many there are, where the response tells.

    ``names`` are those of the values of a record that have none of their own. Of tensors of different
    lengths those of ``rows`` count, or of the first one's length. Raises UnreadableBodyError.
    """
    body = _object(body)
    if isinstance(instances := body.get("instances"), list):
        return [_instance(value, names) for value in instances]
    if isinstance(inputs := body.get("inputs"), list):
        tensors = [_tensor(raw) for raw in inputs]
        if tensors:
            count = tensors[0].rows if rows is None else rows
            fitting = [tensor for tensor in tensors if tensor.rows == count]
            if not fitting:
                raise UnreadableBodyError(
                    f"has no input tensor for {count} records, as many as were answered"
                )
            if names is not None and len(tensors) == 1:
                return _named(names, tensors[0])
            return _table(fitting, _inputs)
    if isinstance(data := body.get("data"), Mapping):
        own, tensor = _seldon(data)
        own = names if names is not None else own
        return _table([tensor], _inputs) if own is None else _named(own, tensor)
    raise UnreadableBodyError("is no request; it holds instances (V1), inputs (V2) or data")


def _object(body: Any) -> Mapping[str, Any]:  # noqa: ANN401 (parsed JSON)
    if not isinstance(body, Mapping):
        raise UnreadableBodyError("is not an object")
    return body


def _tensor(raw: Any) -> _Tensor:  # noqa: ANN401 (parsed JSON)
    if not isinstance(raw, Mapping) or not isinstance(name := raw.get("name"), str):
        raise UnreadableBodyError("has a tensor without a name")
    data = raw.get("data")
    if not isinstance(data, list):
        raise UnreadableBodyError(
            f"the tensor {name[:100]!r} has no list as data; binary tensors cannot be read, send them as JSON"
        )
    return _shaped(name, raw.get("shape"), _flat(data))


def _shaped(name: str, shape: Any, values: Sequence[Any]) -> _Tensor:  # noqa: ANN401 (parsed JSON)
    if not isinstance(shape, list) or not all(type(size) is int and size > 0 for size in shape):
        raise UnreadableBodyError(f"the tensor {name[:100]!r} has no shape; a list of sizes above 0 is one")
    if len(values) != math.prod(shape):
        raise UnreadableBodyError(
            f"the tensor {name[:100]!r} has {len(values)} values, and the shape {shape}"
        )
    return _Tensor(name, shape[0] if shape else 1, math.prod(shape[1:]), values)


def _seldon(data: Mapping[str, Any]) -> tuple[Sequence[str] | None, _Tensor]:
    names = data.get("names")
    own = names if isinstance(names, list) and names and all(isinstance(n, str) for n in names) else None
    if isinstance(array := data.get("ndarray"), list):
        nested = bool(array) and isinstance(array[0], list)
        if nested:
            parts = [_flat(part) if isinstance(part, list) else [part] for part in array]
            width = len(parts[0])
            if any(len(part) != width for part in parts):
                raise UnreadableBodyError("has an ndarray whose rows differ in length")
            return own, _Tensor("", len(parts), width, [value for part in parts for value in part])
        if own is not None and len(own) == len(array):
            return own, _Tensor("", 1, len(array), array)
        return own, _Tensor("", len(array), 1, array)
    if isinstance(tensor := data.get("tensor"), Mapping) and isinstance(tensor.get("values"), list):
        return own, _shaped("tensor", tensor.get("shape"), tensor["values"])
    raise UnreadableBodyError("has data without ndarray or tensor")


def _flat(data: list[Any]) -> list[Any]:
    """All values of nested lists, in order."""
    if not any(isinstance(value, list) for value in data):
        return data
    flat: list[Any] = []
    open_lists: list[Iterator[Any]] = [iter(data)]
    while open_lists:
        for value in open_lists[-1]:
            if isinstance(value, list):
                open_lists.append(iter(value))
                break
            flat.append(value)
        else:
            open_lists.pop()
    return flat


def _table(tensors: Sequence[_Tensor], name_values: Any) -> list[Row]:  # noqa: ANN401 (one of the two below)
    rows: list[Row] = [{} for _ in range(tensors[0].rows)]
    for tensor in tensors:
        for number, row in enumerate(rows):
            start = number * tensor.width
            row.update(name_values(tensor.name, tensor.values[start : start + tensor.width]))
    return rows


def _inputs(name: str, values: Sequence[Any]) -> Row:
    if len(values) == 1 and name:
        return {name: values[0]}
    if len(values) > WIDEST:
        return {}
    before = f"{name}_" if name else "f"
    return {f"{before}{number}": value for number, value in enumerate(values)}


def _outputs(name: str, values: Sequence[Any]) -> Row:
    """Values of an output; of several numbers also the largest one and its place, as classifiers are read."""
    name = name or OUTPUT
    if len(values) == 1:
        return {name: values[0]}
    row = {} if len(values) > WIDEST else {f"{name}_{number}": value for number, value in enumerate(values)}
    return row | _largest(name, values)


def _largest(name: str, values: Sequence[Any]) -> Row:
    if len(values) < 2 or not all(type(value) in {int, float} for value in values):
        return {}
    largest = max(values)
    return {f"{name}_argmax": values.index(largest), f"{name}_max": largest}


def _prediction(value: Any) -> Row:  # noqa: ANN401 (parsed JSON)
    if isinstance(value, list):
        return _outputs(OUTPUT, _flat(value))
    if not isinstance(value, Mapping):
        return {OUTPUT: value}
    row: Row = {}
    for name, part in value.items():
        row |= _outputs(name, _flat(part)) if isinstance(part, list) else {name: part}
    return row


def _instance(value: Any, names: Sequence[str] | None) -> Row:  # noqa: ANN401 (parsed JSON)
    if isinstance(value, Mapping):
        return dict(value)
    values = _flat(value) if isinstance(value, list) else [value]
    return _inputs("", values) if names is None else _named(names, _Tensor("", 1, len(values), values))[0]


def _named(names: Sequence[str], tensor: _Tensor) -> list[Row]:
    if tensor.width != len(names):
        raise UnreadableBodyError(f"has {tensor.width} values for a record, and {len(names)} names are known")
    return [
        dict(zip(names, tensor.values[start : start + tensor.width], strict=True))
        for start in range(0, tensor.rows * tensor.width, tensor.width or 1)
    ]
