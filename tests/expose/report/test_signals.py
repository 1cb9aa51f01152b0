"""Signals on the landing page: what cannot be asked for first, with the reason."""

import re
from dataclasses import replace

import numpy as np

from drift_exporter.expose.report.overview import landing_page
from drift_exporter.infrastructure.snapshot import (
    QUERY_BOUNDS,
    InfrastructureSnapshot,
    QuerySnapshot,
    SignalSnapshot,
    Standing,
)
from support.snapshots import NOW, snapshot

WELL = Standing(5.25, NOW, 5.0, 4.0, 6.0, 0.25, anomalous=False, fitted=NOW)
ODD = replace(WELL, value=12345.678, score=9.0, anomalous=True)
YOUNG = Standing(1.0, NOW, None, None, None, None, anomalous=None, fitted=None)
GONE = replace(WELL, value=None, score=None, anomalous=None)
STANDINGS = {"well": WELL, "odd": ODD, "young": YOUNG, "gone": GONE, "failed": GONE, "asked": YOUNG}


def page(standings: dict[str, Standing]) -> str:
    queries = [
        QuerySnapshot(
            name,
            success=None if name == "asked" else name != "failed",
            failures=0,
            problem="query 'sum(' <is> wrong" if name == "failed" else None,
        )
        for name in standings
    ]
    signals = tuple(SignalSnapshot(name, one) for name, one in standings.items())
    told = InfrastructureSnapshot(
        (*queries, QuerySnapshot("model/accuracy", success=True, failures=0, problem=None)),
        signals,
        (),
        (),
        (),
        np.zeros(len(QUERY_BOUNDS) + 1, dtype=np.int64),
        0.0,
    )
    return landing_page(replace(snapshot(), infrastructure=told), None)


def rows(text: str) -> list[list[str]]:
    table = text.split("<h2>Signals</h2>")[1].split("<tbody ")[1].split("</tbody>", maxsplit=1)[0]
    return [
        [re.sub("<[^>]+>", "|", cell).strip("|") for cell in re.findall("<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall("<tr [^>]*>(.*?)</tr>", table, flags=re.DOTALL)
    ]


def test_what_needs_a_look_comes_first() -> None:
    found = rows(page(STANDINGS))

    assert ["failed", "odd", "well", "young", "gone", "asked", "model/accuracy"] == [row[0] for row in found]
    assert [
        "not answered||query &#x27;sum(&#x27; &lt;is&gt; wrong",
        *("anomalous", "as expected", "no band yet", "no value", "not asked yet", "answered"),
    ] == [row[1] for row in found]
    assert ["\N{EN DASH}", "1.235e+04", "5.25"] == [row[2] for row in found[:3]]
    assert ["5 (4 to 6)", "5 (4 to 6)", "5 (4 to 6)", "\N{EN DASH}"] == [row[3] for row in found[:4]]


def test_without_infrastructure_there_is_nothing() -> None:
    assert "Signals" not in landing_page(snapshot(), None)


def test_of_very_many_the_first_are_shown() -> None:
    text = page({f"s{number}": WELL for number in range(300)})
    assert 200 == len(rows(text))
    assert "101 more" in text
