"""Tables of instant queries, joined by their labels."""

from collections.abc import Sequence

from grafanalib import core

from panels import Json, common


def table(  # noqa: PLR0913
    title: str,
    description: str,
    *queries: Json,
    transformations: Sequence[Json],
    columns: Sequence[Json],
    sort: Sequence[str],
    size: tuple[int, int] = (24, 9),
    unit: str = "string",
) -> core.Table:
    """Instant queries side by side, sorted by these columns; one with a minus before it descends.

    ``unit`` is that of columns that say none: words, as a version such as 2015.1 is no number.
    """
    return core.Table(
        **common(title, description, queries, size),
        transformations=list(transformations),
        overrides=list(columns),
        filterable=False,
        unit=unit,
        extraJson={
            "fieldConfig": {
                "defaults": {
                    # Grafana's own least width is 150: so wide, few columns fit beside each other.
                    "custom": {
                        "cellOptions": {"type": "auto"},
                        "displayMode": None,
                        "inspect": False,
                        "minWidth": 80,
                    }
                }
            },
            "options": {
                "cellHeight": "sm",
                "frameIndex": 0,
                "sortBy": [{"displayName": s.removeprefix("-"), "desc": s.startswith("-")} for s in sort],
            },
        },
    )


def joined(headings: dict[str, str], hide: Sequence[str], sort: str | None = None) -> list[Json]:
    """Transformations that make one table of several queries: rows with equal labels are merged.

    ``headings`` maps a label or ``Value #<query>`` to its heading, in the order of the columns; ``hide`` are
    values that only bring labels, and labels that are not shown. ``sort`` is a label to sort lines by.
    """
    order = {field: position for position, field in enumerate(headings)}
    return [
        {"id": "merge", "options": {}},
        *([{"id": "sortBy", "options": {"fields": {}, "sort": [{"field": sort}]}}] if sort else []),
        {
            "id": "organize",
            "options": {
                "excludeByName": {"Time": True} | dict.fromkeys(hide, True),
                "indexByName": order,
                "renameByName": headings,
            },
        },
    ]


def column(  # noqa: PLR0913
    name: str,
    *,
    unit: str | None = None,
    decimals: int | None = None,
    width: int | None = None,
    minimum_width: int | None = None,
    steps: Sequence[Json] = (),
    texts: Json | None = None,
    links: Sequence[Json] = (),
) -> Json:
    """How a table's column looks; ``steps`` (from a number on) or ``texts`` (a value's) colour its cells."""
    properties: list[Json] = []
    said = {
        "unit": unit,
        "decimals": decimals,
        "custom.width": width,
        "custom.minWidth": minimum_width,
    }
    properties += [{"id": key, "value": value} for key, value in said.items() if value is not None]
    if steps:
        properties += [
            {"id": "thresholds", "value": {"mode": "absolute", "steps": list(steps)}},
            {"id": "color", "value": {"mode": "thresholds"}},
            {"id": "custom.cellOptions", "value": {"type": "color-background", "mode": "basic"}},
        ]
    if texts:
        properties += [
            {"id": "mappings", "value": [{"type": "value", "options": texts}]},
            {"id": "custom.cellOptions", "value": {"type": "color-background", "mode": "basic"}},
        ]
    if links:
        properties.append({"id": "links", "value": list(links)})
    return {"matcher": {"id": "byName", "options": name}, "properties": properties}
