"""Routes and receivers of each team, put into an Alertmanager configuration that tells severities apart."""

import re
from collections.abc import Sequence

import yaml

from drift_exporter.bundle.edit import compose, find, inline, last_line

SEVERITIES = ("page", "ticket")
"""Severities whose receivers each team has for itself; the digest is one for all."""
MUTE = "retraining"
"""Name of the blocks that mute what a model has that is trained anew."""
EXAMPLES = ("team", "team-retraining")
"""Names of the blocks that show what is done here."""
_EXPLAINED = r"(?m)(?:^ *# (?!\S+: (?:begin|end)$).*\n)*"


def with_teams(text: str, teams: Sequence[str], name: str) -> str:
    """The configuration with a route and a receiver for each team below those of pages and tickets.

    A team's receiver is a copy of the one that it takes the place of, with the team's Slack channel, and with
    the kinds of receivers that are commented out. An alert of no team, or of another one, goes where it went.
    """
    if not teams:
        return text
    muted = _block(text, MUTE)
    for example in EXAMPLES:
        text = re.sub(_EXPLAINED + _marked(example), "", text)
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
        below = find(item, ("routes",))
        # With nothing below it but what is commented out, teams come first.
        first = isinstance(below, yaml.ScalarNode)
        at = below.start_mark.line if below is not None and first else last_line(text, item)
        additions[at] = _routes(item, receiver.value, named, muted)
        for given in receivers.value:
            if (own := find(given, ("name",))) is not None and own.value == receiver.value:
                copies += [_copy(text, given, team, slug, severity) for team, slug in named.items()]
    if receivers.value:
        additions.setdefault(_last_comment(text, receivers.value[-1]), []).extend(copies)
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


def _routes(route: yaml.Node, receiver: str, named: dict[str, str], muted: list[str]) -> list[str]:
    indent = " " * route.start_mark.column
    below = find(route, ("routes",))
    lines = [] if below is not None else [f"{indent}routes:"]
    listed = isinstance(below, yaml.SequenceNode)
    indent = " " * below.start_mark.column if below is not None and listed else f"{indent}  "
    for team, slug in named.items():
        quoted = team.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        matcher = "'" + f'team="{quoted}"'.replace("'", "''") + "'"
        lines += [f"{indent}- matchers: [{matcher}]", f"{indent}  receiver: {receiver}-{slug}"]
        if muted:
            # Mute times are not inherited.
            lines += [f"{indent}# {MUTE}: begin", f"{indent}#   routes:"]
            lines += [f"{indent}#     {line}" for line in muted]
            lines += [f"{indent}# {MUTE}: end"]
    return lines


def _marked(name: str) -> str:
    return rf"^ *# {name}: begin\n(?:.*\n)*? *# {name}: end\n"


def _block(text: str, name: str) -> list[str]:
    """The route in the first block of this name that holds one, without what comments it out."""
    for found in re.finditer(_marked(name), text, re.MULTILINE):
        lines = [re.sub(r"^ *# ", "", line) for line in found[0].splitlines()[1:-1]]
        if lines and lines[0].startswith("- matchers:"):
            return lines
    return []


def _last_comment(text: str, receiver: yaml.Node) -> int:
    """Number, from 0, of a receiver's last line, with what is commented out in it."""
    lines = text.split("\n")
    last = at = last_line(text, receiver)
    own = receiver.start_mark.column - 1
    while at + 1 < len(lines):
        at += 1
        line = lines[at]
        if line.strip() and (not line.lstrip().startswith("#") or len(line) - len(line.lstrip()) <= own):
            break
        last = at if line.strip() else last
    return last


def _copy(text: str, receiver: yaml.Node, team: str, slug: str, severity: str) -> str:
    """A receiver's text for one team; what it refers to by ``*`` stays so, names by ``&`` do not."""
    first, last = receiver.start_mark.line, _last_comment(text, receiver)
    own = "\n".join(text.split("\n")[first : last + 1])
    own = re.sub(r"- &\w+\s*\n\s*(?:# +)?", "- ", own)
    own = re.sub(r"(\bname: ).*", lambda m: f"{m[1]}{find_name(receiver)}-{slug}", own, count=1)
    own = re.sub(r"(\bchannel: ).*", lambda m: m[1] + inline(f"#{slug}-{severity}s"), own)
    about = f"{' ' * receiver.start_mark.column}".removesuffix("  ")
    return f"\n{about}# EDIT: channel, addresses and keys of {team}.\n{own}"


def find_name(receiver: yaml.Node) -> str:
    """A receiver's name."""
    found = find(receiver, ("name",))
    return "" if found is None else str(found.value)
