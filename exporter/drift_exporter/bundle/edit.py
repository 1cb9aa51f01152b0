"""Values of a YAML text set where they stand, so that its comments and its layout stay."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from drift_exporter.errors import BundleError

Place = tuple[str | int, ...]
_MERGE = "tag:yaml.org,2002:merge"
_PROPERTY = re.compile(r"[&!]\S*\s+")


def compose(text: str, name: str) -> yaml.Node:
    """The tree of a YAML text; raises BundleError that begins with ``name``."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise BundleError(f"{name}: is not YAML any more: {error}; mend it, or use --force") from error
    if node is None:
        raise BundleError(f"{name}: is empty; restore it, or use --force")
    return node


def find(node: yaml.Node, place: Place) -> yaml.Node | None:
    """The node at a place, also where ``<<`` brings it in; None where there is none."""
    if not place:
        return node
    key, *rest = place
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int):
        return find(node.value[key], tuple(rest)) if key < len(node.value) else None
    value = entries(node).get(str(key))
    return None if value is None else find(value, tuple(rest))


def entries(node: yaml.Node | None) -> dict[str, yaml.Node]:
    """Values of a mapping by their keys, also those that ``<<`` brings in; none where it is no mapping."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    found = {key.value: value for key, value in node.value if key.tag != _MERGE}
    for key, value in node.value:
        if key.tag == _MERGE:
            for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                found = entries(source) | found
    return found


def set_values(text: str, values: Mapping[Place, Any], name: str) -> str:
    """The text with other values at these places, which must be there; raises BundleError otherwise."""
    root = compose(text, name)
    edits: dict[int, tuple[int, str]] = {}
    for place, value in values.items():
        node = find(root, place)
        if node is None:
            raise BundleError(f"{name}: has no {'.'.join(map(str, place))}; restore it, or use --force")
        begin, end = node.start_mark.index, node.end_mark.index
        # An anchor or a tag before the value is part of the node.
        while (before := _PROPERTY.match(text, begin, end)) is not None:
            begin = before.end()
        # A block ends where the next line begins.
        space = text[begin:end][len(text[begin:end].rstrip()) :]
        edits[begin] = (end - len(space), inline(value))
    for begin, (end, new) in sorted(edits.items(), reverse=True):
        text = text[:begin] + new + text[end:]
    return text


def inline(value: Any) -> str:  # noqa: ANN401  # plain data of any shape
    """YAML of one line that may stand anywhere, also within brackets."""
    shown = _dumped(value, allow_unicode=True)
    # Some characters that end a line (U+0085) come back as spaces unless they are escaped.
    return shown if yaml.safe_load(f"[{shown}]") == [value] else _dumped(value, allow_unicode=False)


def _dumped(value: Any, *, allow_unicode: bool) -> str:  # noqa: ANN401  # plain data of any shape
    shown = yaml.safe_dump(
        [value], default_flow_style=True, width=10**6, allow_unicode=allow_unicode, sort_keys=False
    )
    return shown.strip()[1:-1]


def last_line(text: str, node: yaml.Node) -> int:
    """Number, from 0, of the line that a node's last value stands in; comments behind it do not count."""
    end = len(text[: node.end_mark.index].rstrip())
    lines = text[:end].split("\n")
    while lines[-1].lstrip().startswith("#") or not lines[-1].strip():
        lines.pop()
    return len(lines) - 1
