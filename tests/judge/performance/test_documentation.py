"""docs/statistics.md names what is computed, and what it promises of intervals is what its tables show."""

import re
from pathlib import Path

import numpy as np

from drift_exporter.judge.fairness.evaluate import fairness
from drift_exporter.judge.performance.evaluate import class_performances, performance
from support.outcomes import binary_outcomes, multiclass_outcomes, ranking_outcomes, regression_outcomes

PAGE = (Path(__file__).parents[3] / "docs" / "statistics.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"\n{title}\n")[1].split(f"\n{title.split(' ', maxsplit=1)[0]} ")[0]


def rows(title: str) -> dict[str, set[str]]:
    """Names in the second column of a section's first table, by the first column."""
    found: dict[str, set[str]] = {}
    group = ""
    for first, names in re.findall(r"^\| ([a-z ]*)\| (`[^|]*) \|", section(title), flags=re.MULTILINE):
        group = first.strip() or group
        found.setdefault(group, set()).update(re.findall(r"`(\w+)`", names))
    return found


def test_every_metric_of_every_task_is_described() -> None:
    random = np.random.default_rng(1)
    label = np.arange(100) % 2
    three = multiclass_outcomes("abc", np.arange(100) % 3, np.arange(100) % 3, random.dirichlet([1] * 3, 100))
    expected = {
        "binary": set(performance(binary_outcomes(random.random(100), label, label), 30)),
        "multiclass": set(performance(three, 30)),
        "each class": set(class_performances([three], 30)[0]["a"]),
        "regression": set(performance(regression_outcomes(random.random(100), label * 1.0), 30)),
        "ranking": set(performance(ranking_outcomes(label + 1.0, np.zeros(100)), 30)),
    }
    assert expected == rows("## Performance")


def test_every_metric_of_fairness_is_described() -> None:
    random = np.random.default_rng(2)
    label = np.arange(200) % 2
    groups = {name: binary_outcomes(random.random(200), random.permutation(label), label) for name in "ab"}
    found = fairness(groups, 1, 50)
    assert {"a group": set(found.groups["a"]), "the attribute": set(found.attribute)} == rows("## Fairness")
    assert "demographic_parity_ratio" in found.confidence


def test_the_printed_coverage_keeps_the_promise() -> None:
    told = section("### How often the intervals of performance hold")
    cells = re.findall(r"^\| (.*) \| (\w+) \| ([\d.]+) % \| ([\d.]+) % \|$", told, flags=re.MULTILINE)
    assert len(cells) >= 40
    group = ""
    for first, metric, *shares in cells:
        group = first.strip() or group
        # Long tails and five clicks are named as limits.
        least = 90.0 if "long-tailed" in group or "few clicks" in group else 93.0
        assert min(float(share) for share in shares) >= least, (group, metric)


def test_the_printed_coverage_of_fairness_keeps_the_promise() -> None:
    told = section("### How often the intervals of fairness hold")
    cells = re.findall(
        r"^\| (.*) \| [\d,]+ \| ([\d.]+) % \| ([\d.]+) % \| ([\d.]+) % \| ([\d.]+) % \|$", told, re.MULTILINE
    )
    assert len(cells) >= 10
    for rates, difference, ratio, *broken in cells:
        assert min(float(difference), float(ratio)) >= 93.0, rates
        if rates != "0.5, 0.2":
            assert float(broken[0]) <= 5.5, rates
            assert float(broken[1]) <= 1.2, rates
