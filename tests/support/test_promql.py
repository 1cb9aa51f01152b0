"""What is said of the labels of answers is what Prometheus gives."""

import promql_parser
import pytest

from support.promql import labels

METRICS = {"a": frozenset({"model", "window", "le"}), "b": frozenset({"model", "team"})}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a", "model window le"),
        ('b{impact="high", team=~".+", other=""}', "model team impact"),
        ("sum(a)", ""),
        ("sum by (model, team) (a)", "model"),
        ("sum without (le) (rate(a[5m]))", "model window"),
        ("histogram_quantile(0.5, a)", "model window"),
        ("topk by (model) (1, a)", "model window le"),
        ('label_replace(b, "long", "$1", "team", "(.+)")', "model team long"),
        ("a > 1", "model window le"),
        ("1 - b", "model team"),
        ("a * scalar(b)", "model window le"),
        ("a * on (model) group_left (team) b", "model window le team"),
        ("b * on (model) group_right (team) a", "model window le team"),
        ("sum by (model) (a) > on (model) sum by (model, team) (b)", "model"),
        ("a / ignoring (le) a", "model window"),
        ("a and on (model) b", "model window le"),
        ("a unless b", "model window le"),
        ("a or b", "model"),
        ("max_over_time((-a)[1h:5m])", "model window le"),
        ("vector(1)", ""),
    ],
)
def test_labels_that_an_answer_has(expression: str, expected: str) -> None:
    assert set(expected.split()) == set(labels(promql_parser.parse(expression), METRICS.__getitem__))
