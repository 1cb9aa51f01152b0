"""YAML text to plain data that remembers where each value stands.

PyYAML's tree of nodes is walked here instead of its constructor, for three reasons: every value keeps its
line, all problems are found in one pass, and what YAML 1.1 reads as something else than is written (``no``,
``1:30``, ``010``, ``2024-01-01``) is not silently changed.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from drift_exporter.config.positions import Document, KeyPath, Problem, shorten, show_path

_PREFIX = "tag:yaml.org,2002:"
_MERGE = _PREFIX + "merge"
_SCALARS = frozenset(_PREFIX + tag for tag in ("null", "bool", "int", "float", "str", "timestamp", "value"))
# Longer numbers, octal ones and those with colons stay text: where a number is wanted, the text is refused.
_PLAIN_INT = re.compile(r"[-+]?(0|[1-9][0-9_]{0,17})")
_EXPONENT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")
_MOST_VALUES = 200_000
_DEEPEST = 12


def read_document(text: str, wanted: str = "models") -> Document:
    """Read YAML text. Never raises: everything that is wrong becomes a problem.

    ``wanted`` is a key that the reader of a message may begin with.
    """
    wrong: Problem | None = None
    node = None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        wrong = _syntax_problem(error)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        character = f"U+{ord(text[error.position]):04X}"
        wrong = Problem(line, "", f"not valid YAML: the character {character} is not allowed; remove it")
    except RecursionError:
        wrong = Problem(1, "", "nested too deeply; a configuration has few levels")
    if node is None or (isinstance(node, yaml.ScalarNode) and node.tag == _PREFIX + "null"):
        return Document(None, [wrong or Problem(1, "", f"the file is empty; it must hold at least {wanted}")])
    document = Document({}, [])
    document.lines[()] = 1
    try:
        data = _Walk(document).value(node, ())
    except _TooLargeError:
        return Document(None, [Problem(1, "", "too large: aliases repeat too much; write fewer of them")])
    if isinstance(data, dict):
        return replace(document, data=data)
    if not document.problems:
        held = "a list" if isinstance(data, list) else "a single value"
        text = f"the file holds {held}; it must hold keys and values, such as {wanted}:"
        document.problems.append(Problem(1, "", text))
    return replace(document, data=None)


# What PyYAML says, and what that means to a person. The first that matches counts.
_SYNTAX = (
    (r"found character '\\t'", "a tab stands where YAML wants spaces", "indent with spaces"),
    (r"character '(.)' that cannot start", "a value starts with {0}", "quote the value"),
    (
        "values are not allowed here",
        "a colon stands where no key can be",
        "quote the value, or check this line and the one before",
    ),
    ("could not find expected ':'", "a line has no colon after its key", "write key: value"),
    (r"unknown escape character '(.)'", "\\{0} means nothing in double quotes", "use single quotes"),
    ("quoted scalar", "a quote is not closed", "close it with the same quote"),
    (
        "flow sequence",
        "a list in [ ] is not closed, or lacks a comma",
        "close it, and put commas between items",
    ),
    (
        "flow mapping",
        "a mapping in { } is not closed, or lacks a comma",
        "close it, and put commas between entries",
    ),
    ("expected <block end>", "a line does not line up with those before it", "check the indentation"),
    ("expected the node content", "a value is missing or is cut short", "check the brackets and commas"),
    ("another document", "there is a second document", "keep one, without lines of ---"),
    ("undefined alias '(.*)'", "the alias *{0} is not defined before its use", "define it with &{0}"),
    ("duplicate anchor '(.*)'", "the anchor &{0} is defined twice", "give each anchor a name of its own"),
)


def _syntax_problem(error: yaml.MarkedYAMLError) -> Problem:
    said = f"{error.context or ''} {error.problem or ''}".replace("\n", " ").strip()
    marks = [mark for mark in (error.problem_mark, error.context_mark) if mark is not None]
    # What was never closed is noticed at the end of the file, far from where it was opened.
    at_end = marks and marks[0].buffer is not None and marks[0].buffer[marks[0].pointer] == "\0"
    line = marks[-1 if at_end or "expected ':'" in said else 0].line + 1 if marks else 1
    for pattern, wrong, right in _SYNTAX:
        if match := re.search(pattern, said):
            told = f"{wrong}; {right}"
            for index, group in enumerate(match.groups()):
                told = told.replace(f"{{{index}}}", group)
            return Problem(line, "", f"not valid YAML: {told}")
    return Problem(line, "", f"not valid YAML: {said}; check the quotes and the indentation")


class _TooLargeError(Exception):
    """Aliases make more values than a configuration can need."""


class _Walk:
    """One walk over a tree of nodes. A node that cannot be used is reported and left out."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.constructor = SafeConstructor()
        self.open: list[yaml.Node] = []
        self.values = 0

    def value(self, node: yaml.Node, path: KeyPath) -> Any:  # noqa: ANN401 (YAML holds anything)
        if (wrong := self.too_much(node)) is not None:
            return self.problem(path, node, wrong)
        self.open.append(node)
        try:
            if isinstance(node, yaml.MappingNode) and node.tag == _PREFIX + "map":
                return self.mapping(node, path)
            if isinstance(node, yaml.SequenceNode) and node.tag == _PREFIX + "seq":
                return self.sequence(node, path)
            if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
                return self.scalar(node, path)
        finally:
            self.open.pop()
        return self.problem(
            path, node, f"the tag {node.tag.replace(_PREFIX, '!!')} is not supported; remove it"
        )

    def too_much(self, node: yaml.Node) -> str | None:
        """Why a node is not followed, None if it can be. Aliases can make a small file endless."""
        self.values += 1
        if self.values > _MOST_VALUES:
            raise _TooLargeError
        if any(node is one for one in self.open):
            return "the value holds itself through an alias; write it out"
        return "nested too deeply; a configuration has few levels" if len(self.open) >= _DEEPEST else None

    def problem(self, path: KeyPath, node: yaml.Node, text: str) -> None:
        line = self.document.lines.get(path) or node.start_mark.line + 1
        self.document.problems.append(Problem(line, show_path(path), text))
        self.document.faulty.add(path)

    def sequence(self, node: yaml.SequenceNode, path: KeyPath) -> list[Any]:
        items = []
        for index, item in enumerate(node.value):
            self.document.lines[(*path, index)] = item.start_mark.line + 1
            items.append(self.value(item, (*path, index)))
        return items

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        own: dict[str, int] = {}
        merged: list[tuple[str, yaml.Node, yaml.Node]] = []
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merged.extend(self.merged(value_node, path))
                continue
            key = self.key(key_node, path)
            if key is None:
                continue
            line = key_node.start_mark.line + 1
            if key in own:
                text = f"the key is given twice (first in line {own[key]}); keep one"
                self.document.problems.append(Problem(line, show_path((*path, key)), text))
                continue
            own[key] = line
            self.entry(data, key, key_node, value_node, path)
        for key, key_node, value_node in merged:
            if key not in data and key not in own:
                self.entry(data, key, key_node, value_node, path)
        return data

    def entry(
        self, data: dict[str, Any], key: str, key_node: yaml.Node, value_node: yaml.Node, path: KeyPath
    ) -> None:
        at = (*path, key)
        self.document.lines[at] = key_node.start_mark.line + 1
        value = self.value(value_node, at)
        if value is not None:
            data[key] = value

    def merged(self, node: yaml.Node, path: KeyPath) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """Entries that ``<<`` brings in, those that win first."""
        if (wrong := self.too_much(node)) is not None:
            self.problem(path, node, wrong)
            return
        self.open.append(node)
        if isinstance(node, yaml.SequenceNode) and all(isinstance(n, yaml.MappingNode) for n in node.value):
            for item in node.value:
                yield from self.merged(item, path)
        elif isinstance(node, yaml.MappingNode):
            for key_node, value_node in node.value:
                if key_node.tag != _MERGE and (key := self.key(key_node, path)) is not None:
                    yield key, key_node, value_node
            for key_node, value_node in node.value:
                if key_node.tag == _MERGE:
                    yield from self.merged(value_node, path)
        else:
            wanted = "give it an alias such as *defaults, or a list of them"
            self.problem((*path, "<<"), node, f"<< takes a mapping; {wanted}")
        self.open.pop()

    def key(self, node: yaml.Node, path: KeyPath) -> str | None:
        """A key's text as written, so that 1.0 stays 1.0; what YAML takes for true or null is refused."""
        if not isinstance(node, yaml.ScalarNode):
            wrong = "a key is a list or a mapping; write plain text"
        elif node.tag == _PREFIX + "null":
            wrong = "a key has no text that YAML keeps; quote it"
        elif node.tag == _PREFIX + "bool":
            meant = str(self.constructor.construct_yaml_bool(node)).lower()
            wrong = f'YAML reads the key {node.value} as {meant}; quote it: "{node.value}"'
        else:
            return str(node.value)
        self.document.problems.append(Problem(node.start_mark.line + 1, show_path(path), wrong))
        return None

    def scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:  # noqa: ANN401 (a scalar of any type)
        text = str(node.value)
        self.document.raw[path] = text
        if node.tag == _PREFIX + "null":
            return self.problem(path, node, "has no value; give it one or remove the line")
        try:
            return self.plain(node, text)
        except (ValueError, KeyError):
            tag = node.tag.replace(_PREFIX, "!!")
            return self.problem(path, node, f"{shorten(text)} does not fit its tag {tag}; remove the tag")

    def plain(self, node: yaml.ScalarNode, text: str) -> bool | float | str:
        """A scalar as the type that its text says."""
        tag = node.tag.removeprefix(_PREFIX)
        if tag == "bool":
            return bool(self.constructor.construct_yaml_bool(node))
        if tag == "int" and _PLAIN_INT.fullmatch(text):
            return int(text)
        is_exponent = tag == "str" and node.style is None and _EXPONENT.fullmatch(text)
        if (tag == "float" and ":" not in text) or is_exponent:
            return float(self.constructor.construct_yaml_float(node))
        return text
