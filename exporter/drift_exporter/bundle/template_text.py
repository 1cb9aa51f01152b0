"""Notification templates as text that stands by itself: definitions are put before where they are used.

An AlertmanagerConfig has no place for template files.
"""

import re

KEYWORD = re.compile(r"\{\{-?\s*(define|block|if|range|with|end)\b")
DEFINE = re.compile(r'\{\{-?\s*define\s+"([^"]+)"')
USE = re.compile(r'\{\{-?\s*(?:template|block)\s+"([^"]+)"')


def definitions(text: str) -> dict[str, str]:
    """Each ``{{ define "name" }} ... {{ end }}`` of a template file, whole, by its name."""
    found: dict[str, str] = {}
    begin: re.Match[str] | None = None
    depth = 0
    for keyword in KEYWORD.finditer(text):
        if keyword[1] == "define" and depth == 0:
            begin = keyword
        depth += -1 if keyword[1] == "end" else 1
        if depth == 0 and begin is not None:
            name = DEFINE.match(text, begin.start())
            if name is None:
                raise ValueError(f"no name after define: {text[begin.start() : begin.start() + 60]!r}")
            found[name[1]] = text[begin.start() : text.index("}}", keyword.end()) + 2]
            begin = None
    if depth != 0:
        raise ValueError("a define, if, range or with has no end")
    return found


def self_contained(text: str, defined: dict[str, str]) -> str:
    """``text`` with the definitions of all templates before it that it uses, also by others.

    Templates that are not in ``defined`` are Alertmanager's own, and stay as they are.
    """
    used: list[str] = []
    waiting = USE.findall(text)
    while waiting:
        name = waiting.pop(0)
        if name in defined and name not in used:
            used.append(name)
            waiting += USE.findall(defined[name])
    return "".join(defined[name] for name in used) + text
