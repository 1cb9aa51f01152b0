"""Numbers that decide are recorded at the top of a file, where users edit them; others have a reason."""

import promql_parser

from support.alerting import RULE_FILES, groups_of, rules
from support.promql import parts_of

# 0 and 1 are no thresholds: none or any, not or all.
PLAIN = {0, 1}
MEDIAN = "the median, as the name says"
OF_NAME = "the quantile that the name says"
JEFFREYS = "half a count is added to each bin, as in the exporter's own PSI"
EXCEPTIONS = {
    ("InfoEndedThisWeek", 300): "seconds between evaluations of its group",
    ("ModelErrorRatioHigh", 300): "seconds in five minutes",
    ("fleet:prediction_latency_seconds:p95_rate5m", 0.95): OF_NAME,
    ("infra:signal_expected:median3w", 0.5): MEDIAN,
    ("infra:signal_level:median1d", 0.5): MEDIAN,
    ("model:click_through_drop:z_increase7d", 2): "a square",
    ("model:column_drift_psi:increase1h", 0.5): JEFFREYS,
    ("model:column_drift_psi:increase24h", 0.5): JEFFREYS,
    ("model:column_drift_psi:increase7d", 0.5): JEFFREYS,
    ("model:gpu_busy:ratio_avg30m", 100): "per cent to a share",
    ("model:label_delay_seconds:p95_increase24h", 0.95): OF_NAME,
    ("model:label_delay_usual_seconds:p95_increase7d", 0.95): OF_NAME,
    ("model:prediction_latency_seconds:p50_rate5m", 0.5): OF_NAME,
    ("model:prediction_latency_seconds:p95_rate1m", 0.95): OF_NAME,
    ("model:prediction_latency_seconds:p95_rate5m", 0.95): OF_NAME,
    ("model:prediction_latency_seconds:p99_rate5m", 0.99): OF_NAME,
    ("model:predictions_expected:increase15m", 24): "quarters of an hour in six hours",
    ("model:score_shift_performance_dip:corr7d", 2): "of the formula above it",
}


def is_constant(rule: dict[str, object]) -> bool:
    return str(rule.get("record", "")).startswith("drift_exporter:")


def test_every_other_number_in_an_expression_has_a_reason() -> None:
    found = {
        (rule.get("record") or rule["alert"], node.val)
        for rule in rules()
        if not is_constant(rule)
        for node in parts_of(rule["expr"])
        if isinstance(node, promql_parser.NumberLiteral) and node.val not in PLAIN
    }
    assert sorted(EXCEPTIONS) == sorted(found)


def test_constants_are_in_the_first_groups_of_their_file() -> None:
    for path in RULE_FILES:
        first, *others = groups_of(path)
        constants = [rule for group in others for rule in group["rules"] if is_constant(rule)]
        assert [] == constants, path.name
        if any(map(is_constant, first["rules"])) and path.stem != "links":
            assert all(map(is_constant, first["rules"])), path.name
            assert first["name"].endswith("_thresholds")


def test_constants_do_not_depend_on_anything() -> None:
    numbers = [parts_of(rule["expr"])[-1] for rule in rules() if is_constant(rule)]
    assert len(numbers) > 60
    assert all(isinstance(number, promql_parser.NumberLiteral) for number in numbers)
