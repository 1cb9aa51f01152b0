"""YAML text to plain data that remembers where each value stands.

PyYAML's tree of nodes is walked here instead of its constructor, for three reasons: every value keeps its line,
all problems are found in one pass, and words that YAML 1.1 reads as something else (``no``, ``1:30``, ``010``,
``2024-01-01``) are not silently changed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import yaml
from yaml.constructor import SafeConstructor

KeyPath: TypeAlias = tuple[str | int, ...]
_PREFIX = "tag:yaml.org,2002:"
_MERGE = _PREFIX + "merge"
_PLAIN_INT = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_EXPONENT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")
_MOST_VALUES = 200_000
_DEEPEST = 50


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong at one place of the file. ``line`` counts from 1; 0 stands for the file as a whole."""

    line: int
    path: str
    text: str

    def render(self, file: str) -> str:
        """One line: ``file:line: key.path: what is wrong; what would be right``."""
        place = f"{file}:{self.line}" if self.line else file
        return f"{place}: {self.path}: {self.text}" if self.path else f"{place}: {self.text}"


@dataclass(frozen=True)
class Document:
    """A file's plain data (``data`` is None where there is none), with line and raw text by key path.

    ``faulty`` are the paths that already have a problem, and whose value is left out of ``data``.
    """

    data: Any
    problems: list[Problem]
    lines: dict[KeyPath, int] = field(default_factory=dict)
    raw: dict[KeyPath, str] = field(default_factory=dict)
    faulty: set[KeyPath] = field(default_factory=set)

    def line(self, path: KeyPath) -> int:
        """Line of a value, or of what encloses it where the path does not exist."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def show_path(path: KeyPath) -> str:
    """``models[0].columns.amount`` for a key path; a key with other than plain letters is quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w-]+", part):
            text += f".{part}" if text else part
        else:
            text += f"[{shorten(part)}]"
    return text


def shorten(value: str, length: int = 60) -> str:
    """A value in double quotes on one line, cut where it is long."""
    visible = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)
    return f'"{visible[: length - 3]}..."' if len(visible) > length else f'"{visible}"'


def read_document(text: str) -> Document:
    """Read YAML text. Never raises: everything that is wrong becomes a problem."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        return Document(None, [_syntax_problem(error)])
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return Document(
            None,
            [
                Problem(
                    line,
                    "",
                    f"the character U+{ord(text[error.position]):04X} is not allowed in YAML; remove it",
                )
            ],
        )
    except RecursionError:
        return Document(
            None, [Problem(1, "", "not valid YAML: nested too deeply; a configuration has few levels")]
        )
    if node is None:
        return Document(None, [Problem(1, "", "the file is empty; it must hold at least models")])
    document = Document({}, [])
    document.lines[()] = 1
    data = _Walk(document).value(node, ())
    if not isinstance(data, dict):
        if not document.problems:
            document.problems.append(
                Problem(
                    1, "", f"the file holds {kind_of(data)}; it must hold keys and values, such as models:"
                )
            )
        return Document(None, document.problems)
    return replace(document, data=data)


def kind_of(value: Any) -> str:  # noqa: ANN401 (this is about values of any type)
    """A value's type in words."""
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {shorten(value)}"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else "a mapping"


_HINTS = {
    "cannot start any token": "quote the value, or use spaces in place of a tab",
    "mapping values are not allowed here": "quote a value that holds a colon, and check the indentation",
    "could not find expected ':'": "write key: value",
    "expected <block end>": "check the indentation",
    "found unknown escape character": "use single quotes, in which a backslash is a plain character",
    "found unexpected end of stream": "close the quote",
    "expected ',' or": "close the bracket or brace, and put a comma between values",
    "expected the node content": "close the bracket or brace",
    "but found another document": "keep one document; remove the --- before the second",
    "found undefined alias": "define it before its use with & in place of *",
    "found duplicate anchor": "give each anchor another name",
}


def _syntax_problem(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    said = str(error.problem or error.context or "it cannot be read").replace("\n", " ")
    if "found character '\\t'" in said:
        said, hint = "a tab where YAML wants spaces", "indent with spaces"
    else:
        hint = next(
            (h for part, h in _HINTS.items() if part in f"{error.context} {said}"),
            "check the quotes and the indentation",
        )
    return Problem(mark.line + 1 if mark else 1, "", f"not valid YAML: {said}; {hint}")


class _Walk:
    """One walk over a tree of nodes. A node that cannot be used is reported and left out."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.constructor = SafeConstructor()
        self.open: list[yaml.Node] = []
        self.values = 0

    def value(self, node: yaml.Node, path: KeyPath) -> Any:  # noqa: ANN401 (YAML holds anything)
        self.values += 1
        if self.values > _MOST_VALUES:
            if self.values == _MOST_VALUES + 1:
                self.problem(path, node, "aliases make the file too large; write fewer of them")
            return None
        if any(node is one for one in self.open):
            return self.problem(path, node, "the value holds itself through an alias; write it out")
        if len(self.open) >= _DEEPEST:
            return self.problem(path, node, "nested too deeply; a configuration has few levels")
        self.open.append(node)
        try:
            if isinstance(node, yaml.MappingNode) and node.tag == _PREFIX + "map":
                return self.mapping(node, path)
            if isinstance(node, yaml.SequenceNode) and node.tag == _PREFIX + "seq":
                return self.sequence(node, path)
            if isinstance(node, yaml.ScalarNode):
                return self.scalar(node, path)
            return self.problem(
                path, node, f"the tag {node.tag.replace(_PREFIX, '!!')} is not supported; remove it"
            )
        finally:
            self.open.pop()

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
        self.values += 1
        if isinstance(node, yaml.SequenceNode) and all(isinstance(n, yaml.MappingNode) for n in node.value):
            for item in node.value:
                yield from self.merged(item, path)
        elif not isinstance(node, yaml.MappingNode):
            wanted = "give it an alias such as *defaults, or a list of them"
            self.problem((*path, "<<"), node, f"<< takes a mapping; {wanted}")
        elif any(node is one for one in self.open):
            self.problem(path, node, "the value holds itself through an alias; write it out")
        elif self.values <= _MOST_VALUES and len(self.open) < _DEEPEST:
            self.open.append(node)
            for key_node, value_node in node.value:
                if key_node.tag != _MERGE and (key := self.key(key_node, path)) is not None:
                    yield key, key_node, value_node
            for key_node, value_node in node.value:
                if key_node.tag == _MERGE:
                    yield from self.merged(value_node, path)
            self.open.pop()

    def key(self, node: yaml.Node, path: KeyPath) -> str | None:
        """A key's text as written, so a number stays as it is; a word that YAML takes for no text is refused."""
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
        tag = node.tag.removeprefix(_PREFIX)
        explicit = not node.tag.startswith(_PREFIX)
        if explicit or tag in {"binary", "set", "omap", "pairs", "map", "seq"}:
            shown = node.tag.replace(_PREFIX, "!!")
            return self.problem(path, node, f"the tag {shown} is not supported; remove it")
        try:
            if tag == "null":
                return self.problem(path, node, "has no value; give it one or remove the line")
            if tag == "bool":
                return self.constructor.construct_yaml_bool(node)
            if tag == "int" and _PLAIN_INT.fullmatch(text):
                return int(text)
            if tag == "float" and ":" not in text:
                return self.constructor.construct_yaml_float(node)
            if tag == "str" and node.style is None and _EXPONENT.fullmatch(text):
                return float(text)
        except (ValueError, KeyError):
            return self.problem(path, node, f"{shorten(text)} does not fit its tag !!{tag}; remove the tag")
        return text
