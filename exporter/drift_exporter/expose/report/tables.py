"""Tables that read as a list of cards where there is no room for their columns."""

from collections.abc import Sequence

from drift_exporter.expose.report.markup import Markup, join, tag

Heading = tuple[str, str]
"""A column's name and the class of its cells: ``number``, ``sure``, ``spread``, ``whole`` or none.

``whole`` ones have a line of their own where rows take several.
"""


def listing(columns: Sequence[Heading], rows: Sequence[Sequence[str | Markup]], title: str = "") -> Markup:
    """A table in a card. The first cell of each row is its header.

    Each other cell has the column's name with it, which the style sheet shows where rows take several lines.
    Roles are written out since browsers forget them for rows that are drawn otherwise.
    """
    names = [
        tag("th", name, scope="col", role="columnheader", class_=kind if kind == "number" else None)
        for name, kind in columns
    ]
    body = [tag("tr", *_row(columns, row), role="row") for row in rows]
    table = tag(
        "table",
        tag("thead", tag("tr", *names, role="row"), role="rowgroup"),
        tag("tbody", *body, role="rowgroup"),
        class_="list stack",
        role="table",
    )
    return tag("div", tag("p", title) if title else None, table, class_="card")


def _row(columns: Sequence[Heading], row: Sequence[str | Markup]) -> list[Markup]:
    first, *others = row
    cells = [tag("th", first, scope="row", role="rowheader")]
    for (name, kind), content in zip(columns[1:], others, strict=True):
        cells.append(tag("td", content, class_=kind or None, role="cell", data_label=name))
    return cells


def commas(parts: Sequence[str | Markup]) -> Markup:
    """Parts with commas between them."""
    mixed: list[str | Markup] = []
    for part in parts:
        mixed += [", ", part] if mixed else [part]
    return join(mixed)
