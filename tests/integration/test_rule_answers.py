"""The expression of every rule has an answer in a Prometheus that sees all that exporters expose.

One server scrapes four targets: an exporter with everything, one with labels, one in an incident with the
cluster below it, and the same for a model of clicks, whose windows disagree. A day of ranges and offsets is a
second, so that there is a last week and a week before. Of alerts the parts are asked for that are compared:
there has to be something to compare, whether they fire or not.
"""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import promql_parser
import pytest

from support import incident_feed, performance_feed
from support.alerting import RULES, rules
from support.dashboard_feed import advancing_target, rich
from support.promql import COMPARISONS, SETS, parts
from support.servers import Prometheus, prometheus, prometheus_config, until
from support.short_rules import shorten_expression, shorten_rules

DAY_SECONDS = 1.0
FACTOR = DAY_SECONDS / 86_400
SHORTEST_SECONDS = 3.0
RECORDED = [rule for rule in rules() if "record" in rule]
ALERTS = [rule for rule in rules() if "alert" in rule]
SIGNAL = {
    "record": "infra:signal:value",
    "expr": "sum(rate(model_predictions_total[5s]))",
    "labels": {"signal": "predictions"},
}

BAND = "needs the distances of a day, one in four minutes; alerting/tests/infrastructure_bands.yml has it"
STEADY = "what it correlates does not move here; alerting/tests/score_shift.yml has it"
FALLS = "the rate of clicks does not fall here; alerting/tests/clicks.yml has it"
TWO_HOURS = "the two hours that it waits are over at once here; alerting/tests/windows.yml has it"
HELD_BACK = "models with an info have a ticket as well here; alerting/tests/digest.yml has others"
EMPTY: Mapping[str, str] = {
    "infra:signal_above:half_width7d": BAND,
    "infra:signal_below:half_width7d": BAND,
    "infra:signal_upper:quantile7d": BAND,
    "infra:signal_lower:quantile7d": BAND,
    "infra:signal_anomaly_score:ratio": BAND,
    "infra:signal_outside:bool": BAND,
    "infra:signal_anomalous:bool": BAND,
    "model:info_alert_alone:timestamp": HELD_BACK,
    "model:score_shift_performance_dip:corr7d": STEADY,
    "model:click_through_drop_current:ratio_increase7d": FALLS,
    "model:dataset_drift_unconfirmed:max": TWO_HOURS,
    "model:four_fifths_unconfirmed:max": TWO_HOURS,
}
"""Recorded series of which there are none here, and why."""

INCOMPARABLE: Mapping[str, str] = {
    "count_over_time(model:info_alert_alone:timestamp{}[1w]) * 300": HELD_BACK,
    "max by (model, version)(model:score_shift_performance_dip:corr7d{})": STEADY,
    "model:click_through_drop_current:ratio_increase7d{}": FALLS,
    "model:stream_drift_detectors:count_increase1h{} * on (model, version) group_left (team, impact)"
    ' model:info:max{impact!="high"}': (
        "no model of low impact is watched for changes here; alerting/tests/concept.yml has one"
    ),
}
"""Parts of alerts of which there are none here, and why."""

ENDED = {"1h": 0.01, "24h": 0.95, "7d": 0.95}
OF_WINDOWS = {
    "model_label_coverage_ratio": dict.fromkeys(ENDED, 0.4),
    "model_dataset_drift_confidence": ENDED,
    "model_drift_confidence": ENDED,
    "model_performance_drop_confidence": ENDED,
    "model_concept_drift_confidence": ENDED | {"7d": 0.2},
    "model_fairness_confidence": ENDED,
    "model_anomaly_confidence": ENDED,
}
"""Of the clicks: what 24h finds is over, as 1h says; of 7d it is not."""

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("rules")]

Rule = Mapping[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("rules")
    files = shorten_rules(
        RULES,
        folder / "rules",
        range_factor=FACTOR,
        shortest_range=SHORTEST_SECONDS,
        wait="0s",
        interval="2s",
    )
    signals = folder / "signals.yml"
    signals.write_text(promql_group(SIGNAL), encoding="utf-8")
    feeds = (rich, performance_feed.exposition, of_clicks, incident_feed.exposition)
    with contextlib.ExitStack() as stack:
        targets = [stack.enter_context(advancing_target(feed)).address for feed in feeds]
        config = prometheus_config({"drift-exporter": targets})
        yield stack.enter_context(prometheus(folder / "prometheus", config, rules=[*files, signals]))


def promql_group(rule: Rule) -> str:
    return json.dumps({"groups": [{"name": "signals", "interval": "1s", "rules": [rule]}]})


def of_clicks(n: int) -> str:
    """A model of clicks, of low impact, with many labels; pushes are refused."""
    lines = incident_feed.exposition(20 * n).splitlines()
    own = [disagreeing(line) for line in lines if line.startswith(("model_", "drift_exporter_"))]
    calm = 'model_anomaly_confidence{model="clicks",version="1",detector="hbos",window="1h"} 0.01\n'
    refused = f'drift_exporter_source_requests_total{{source="clicks/predictions",code="429"}} {n}\n'
    text = "\n".join(own).replace('model="fraud"', 'model="clicks"').replace('impact="high"', 'impact="low"')
    return f"{text}\n{calm}{refused}"


def disagreeing(line: str) -> str:
    """A sample of a confidence by window with the value that the window has here."""
    name, _, rest = line.partition("{")
    window = re.search(r'window="(\w+)"', rest)
    if name not in OF_WINDOWS or window is None:
        return line
    return f"{line.rpartition(' ')[0]} {OF_WINDOWS[name][window[1]]}"


def answered(server: Prometheus, expression: str) -> bool:
    return bool(server.query(shorten_expression(expression, FACTOR, SHORTEST_SECONDS)))


def unanswered(server: Prometheus, expressions: Mapping[str, str], unlikely: set[str]) -> set[str]:
    """Names of expressions without an answer: of the ``unlikely`` ones now, of others in all of the time."""
    waiting = {name: expr for name, expr in expressions.items() if name not in unlikely}

    def all_answered() -> bool:
        for name in [n for n, expr in waiting.items() if answered(server, expr)]:
            del waiting[name]
        return not waiting

    with contextlib.suppress(TimeoutError):
        until(all_answered, timeout=90, interval=2)
    return {*waiting} | {name for name in unlikely if not answered(server, expressions[name])}


def test_the_expression_of_every_recording_rule_has_an_answer(server: Prometheus) -> None:
    expressions = {f"{r['record']} {r.get('labels', '')}".strip(): r["expr"] for r in RECORDED}
    expected = {name for name in expressions if name.partition(" ")[0] in EMPTY}
    assert len(EMPTY) <= len(expected)
    assert expected == unanswered(server, expressions, expected)


def compared(node: object) -> Iterator[str]:
    """The largest parts of an expression without a comparison and without a set in them, alerts left out."""
    inner = list(parts(node))
    if isinstance(node, promql_parser.VectorSelector) and node.name == "ALERTS":
        return
    if not any(isinstance(n, promql_parser.BinaryExpr) and str(n.op) in COMPARISONS | SETS for n in inner):
        yield str(node)
        return
    for name in ("expr", "lhs", "rhs"):
        part = getattr(node, name, None)
        if part is not None:
            yield from compared(part)
    for part in getattr(node, "args", []):
        if not isinstance(part, promql_parser.StringLiteral):
            yield from compared(part)


def test_what_every_alert_compares_is_there(server: Prometheus) -> None:
    asked = {part: part for rule in ALERTS for part in compared(promql_parser.parse(rule["expr"]))}
    assert {*INCOMPARABLE} == unanswered(server, asked, {*INCOMPARABLE})


def test_no_rule_fails(server: Prometheus) -> None:
    assert [] == server.rule_problems()
