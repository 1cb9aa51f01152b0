"""Routes and receivers of each team, put into an Alertmanager configuration that tells severities apart."""

import re
from collections.abc import Sequence

import yaml

from drift_exporter.bundle.edit import compose, find, inline, last_line

SEVERITIES = ("page", "ticket")
"""Severities whose receivers each team has for itself; the digest is one for all."""


def with_teams(text: str, teams: Sequence[str], name: str) -> str:
    """The configuration with a route and a receiver for each team below those of pages and tickets.

    A team's receiver is a copy of the one that it takes the place of, with the team's Slack channel. An alert
    of no team, or of another one, goes where it went.
    """
    if not teams:
        return text
    root = compose(text, name)
    routes, receivers = find(root, ("route", "routes")), find(root, ("receivers",))
    if not isinstance(routes, yaml.SequenceNode) or not isinstance(receivers, yaml.SequenceNode):
        return text
    named = slugs(teams)
    additions: dict[int, list[str]] = {}
    copies: list[str] = []
    for item in routes.value:
        severity, receiver = _severity(item), find(item, ("receiver",))
        if severity is None or receiver is None:
            continue
        additions[last_line(text, item)] = _routes(item, receiver.value, named)
        for given in receivers.value:
            if (own := find(given, ("name",))) is not None and own.value == receiver.value:
                copies += [_copy(text, given, team, slug, severity) for team, slug in named.items()]
    additions.setdefault(last_line(text, receivers), []).extend(copies)
    lines = text.split("\n")
    for at, new in sorted(additions.items(), reverse=True):
        lines[at + 1 : at + 1] = new
    return "\n".join(lines)


def slugs(teams: Sequence[str]) -> dict[str, str]:
    """Each team with a name that channels and receivers may have."""
    found: dict[str, str] = {}
    for team in teams:
        plain = re.sub(r"[^a-z0-9_]+", "-", team.lower()).strip("-") or "team"
        taken, number = {*found.values()}, 2
        slug = plain
        while slug in taken:
            slug, number = f"{plain}-{number}", number + 1
        found[team] = slug
    return found


def _severity(route: yaml.Node) -> str | None:
    matchers = find(route, ("matchers",))
    if not isinstance(matchers, yaml.SequenceNode) or len(matchers.value) != 1:
        return None
    return next((s for s in SEVERITIES if matchers.value[0].value == f'severity="{s}"'), None)


def _routes(route: yaml.Node, receiver: str, named: dict[str, str]) -> list[str]:
    indent = " " * route.start_mark.column
    below = find(route, ("routes",))
    lines = [] if below is not None else [f"{indent}routes:"]
    indent = " " * below.start_mark.column if below is not None else f"{indent}  "
    for team, slug in named.items():
        quoted = team.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        matcher = "'" + f'team="{quoted}"'.replace("'", "''") + "'"
        lines += [f"{indent}- matchers: [{matcher}]", f"{indent}  receiver: {receiver}-{slug}"]
    return lines


def _copy(text: str, receiver: yaml.Node, team: str, slug: str, severity: str) -> str:
    """A receiver's text for one team; what it refers to by ``*`` stays so, names by ``&`` do not."""
    first, last = receiver.start_mark.line, last_line(text, receiver)
    own = "\n".join(text.split("\n")[first : last + 1])
    own = re.sub(r"- &\w+\s*\n\s*", "- ", own)
    own = re.sub(r"(\bname: ).*", lambda m: f"{m[1]}{find_name(receiver)}-{slug}", own, count=1)
    own = re.sub(r"(\bchannel: ).*", lambda m: m[1] + inline(f"#{slug}-{severity}s"), own)
    about = f"{' ' * receiver.start_mark.column}".removesuffix("  ")
    return f"\n{about}# EDIT: channel and keys of {team}.\n{own}"


def find_name(receiver: yaml.Node) -> str:
    """A receiver's name."""
    found = find(receiver, ("name",))
    return "" if found is None else str(found.value)
