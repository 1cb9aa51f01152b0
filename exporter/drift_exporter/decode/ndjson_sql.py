"""The SQL that reads NDJSON from a file in memory."""

from collections.abc import Mapping, Sequence

from drift_exporter.decode.plan import FieldPath, Plan, literal, quote, reach

_MINIMUM_OBJECT_SIZE = 1 << 20


def pointer(path: FieldPath) -> str:
    """Write a path as a JSON pointer (RFC 6901)."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in path)


def reader_sql(file: str, types: Mapping[FieldPath, str], line_limit: int, *, lenient: bool) -> str:
    """Table function that reads just these paths in these types; if ``lenient``, what is bad becomes NULL."""
    tree: dict[str, object] = {}
    for path, kind in types.items():
        node = tree
        for key in path[:-1]:
            node = node.setdefault(key, {})  # type: ignore[assignment]  # inner nodes are always dicts
        node[path[-1]] = kind
    columns = ", ".join(f"{quote(key)}: {literal(_type_sql(node))}" for key, node in tree.items())
    return (
        f"read_json({literal(file)}, format = 'newline_delimited', records = true, "
        f"columns = {{{columns or quote('nothing') + ': ' + literal('VARCHAR')}}}, "
        f"ignore_errors = {'true' if lenient else 'false'}, "
        f"maximum_object_size = {_object_size(line_limit)})"
    )


def objects_sql(file: str, line_limit: int) -> str:
    """Table function that gives each line as JSON, NULL where it is not."""
    return (
        f"read_json({literal(file)}, format = 'newline_delimited', records = false, "
        f"columns = {{json: 'JSON'}}, ignore_errors = true, maximum_object_size = {_object_size(line_limit)})"
    )


def inspections(plan: Plan, doubtful: Sequence[int]) -> dict[str, str]:
    """What can be wrong with a line, by name, as SQL that is true where it is.

    ``malformed``, ``not_object``, ``no_timestamp``; ``w0``.. a number that is none (of the ``doubtful``
    numeric leaves only), ``p0``.. a category, then what numbers are derived from, below something that is not
    an object, ``wl`` a latency that is no number. Every one of these parses the line anew, so it is for few
    lines.
    """
    found = {
        "malformed": "json IS NULL",
        "not_object": "coalesce(json_type(json) <> 'OBJECT', false)",
        "no_timestamp": "false" if plan.timestamp is None else _absent(plan.timestamp),
    }
    found |= {f"w{i}": _not_a_number(plan.numeric[i].path) for i in doubtful}
    paths = [*(leaf.path for leaf in plan.categorical), *(leaf.path for leaf in plan.derived)]
    found |= {f"p{i}": _bad_parent(path) for i, path in enumerate(paths)}
    if plan.latency is not None:
        found["wl"] = _not_a_number(plan.latency)
    return found


def inspect_sql(file: str, checks: Mapping[str, str], line_limit: int) -> str:
    """Query that makes ``checks`` (see ``inspections``) line by line; every column is 0 or 1."""
    select = ", ".join(f"({check})::UTINYINT AS {name}" for name, check in checks.items())
    return f"SELECT {select} FROM {objects_sql(file, line_limit)}"


def wrong_values_sql(file: str, paths: Mapping[str, FieldPath], line_limit: int) -> str:
    """Query that tells, line by line, which of the numbers at ``paths`` (by name of the column) are none.

    It parses a line once, but cannot tell of one that is no record at all, nor of a field below
    something that is not an object.
    """
    reader = reader_sql(file, dict.fromkeys(paths.values(), "JSON"), line_limit, lenient=True)
    select = [
        f"({_no_number(f'json_type({reach(path)})', _as_text(reach(path)))})::UTINYINT AS {name}"
        for name, path in paths.items()
    ]
    return f"SELECT {', '.join(select)} FROM {reader}"


def _object_size(line_limit: int) -> int:
    return max(line_limit + 2, _MINIMUM_OBJECT_SIZE)


def _type_sql(node: object) -> str:
    if isinstance(node, dict):
        return "STRUCT(" + ", ".join(f"{quote(key)} {_type_sql(child)}" for key, child in node.items()) + ")"
    return str(node)


def _json_type(path: FieldPath) -> str:
    return f"json_type(json, {literal(pointer(path))})"


def _absent(path: FieldPath) -> str:
    return f"coalesce({_json_type(path)}, 'NULL') = 'NULL'"


def _not_a_number(path: FieldPath) -> str:
    text = f"json_extract_string(json, {literal(pointer(path))})"
    return f"{_no_number(_json_type(path), text)} OR {_bad_parent(path)}"


def _as_text(value: str) -> str:
    return f"({value} ->> '$')"


def _no_number(json_type: str, text: str) -> str:
    other = f"coalesce({json_type}, 'NULL') NOT IN ('NULL', 'BOOLEAN')"
    return f"coalesce(({other} AND try_cast({text} AS DOUBLE) IS NULL), false)"


def _bad_parent(path: FieldPath) -> str:
    parents = [
        f"coalesce({_json_type(path[:end])} NOT IN ('OBJECT', 'NULL'), false)" for end in range(1, len(path))
    ]
    return " OR ".join(parents) or "false"
