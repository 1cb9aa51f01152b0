"""The next steps on the report page: what was found, what to do, and the runbook that goes on from there."""

from collections.abc import Sequence

from drift_exporter.expose.report.findings import Finding
from drift_exporter.expose.report.markup import Markup, tag


def steps_section(found: Sequence[Finding], runbooks: str | None, *, judged: bool) -> list[Markup]:
    """The section. ``runbooks`` is the URL of their folder; without it they are only named.

    ``judged`` tells that the window was compared, so that finding nothing is good news.
    """
    if not found and not judged:
        return []
    heading = tag("h2", "Suggested next steps" if len(found) != 1 else "Suggested next step", id="next")
    if not found:
        return [heading, tag("p", "Nothing stands out: there is nothing to do.")]
    return [heading, tag("ol", *(_item(one, runbooks) for one in found), class_="steps")]


def _item(one: Finding, runbooks: str | None) -> Markup:
    what: Markup = tag("strong", one.what)
    links: list[str | Markup] = []
    if one.section is not None:
        links.append(tag("a", f"See {one.section}", href=f"#{one.section}"))
    if one.runbook is not None:
        links += [" \N{MIDDLE DOT} "] if links else []
        links.append(_runbook(one.runbook, runbooks))
    return tag("li", tag("p", what), tag("p", one.step), tag("p", *links, class_="quiet") if links else None)


def _runbook(name: str, runbooks: str | None) -> Markup:
    if runbooks is None:
        return tag("span", f"Runbook {name}")
    return tag("a", f"Runbook {name}", href=f"{runbooks}/{name}.md")
