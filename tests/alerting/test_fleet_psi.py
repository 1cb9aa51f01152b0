"""Fleet PSI from counters, in a real Prometheus, against the exporter's own score and the definition."""

import math
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import promql_parser
import pytest
import yaml
from numpy.typing import NDArray

from drift_exporter.judge.scores import psi
from support.alerting import RULES, rules
from support.servers import StaticTarget, prometheus, prometheus_config, until
from support.short_rules import seconds, shorten_expression, shorten_rules

BINS = ("0", "1", "2", "3", "4", "5", "6", "missing")
# Bin 4 is in the reference only, bin 5 in current only, bin 6 and missing in neither.
REFERENCE = np.array([250, 250, 300, 100, 100, 0, 0, 0])
COLUMN = 'model="fraud",version="v1",column="amount",kind="feature"'
Counts = NDArray[np.int64]


def definition(current: Counts) -> float:
    """The definition in plain Python, apart from the package and from PromQL."""
    seen = [(int(r), int(c)) for r, c in zip(REFERENCE, current, strict=True) if r + c > 0]
    m, n, bins = sum(r for r, _ in seen), sum(c for _, c in seen), len(seen)
    shares = [((r + 0.5) / (m + 0.5 * bins), (c + 0.5) / (n + 0.5 * bins)) for r, c in seen]
    return sum((q - p) * math.log(q / p) for p, q in shares)


def exposition(counts: Counts) -> str:
    rows = REFERENCE.sum()
    lines = [f'model_column_bin_total{{{COLUMN},bin="{b}"}} {c}' for b, c in zip(BINS, counts, strict=True)]
    lines += [
        f'model_column_reference_ratio{{{COLUMN},bin="{b}"}} {r / rows}'
        for b, r in zip(BINS, REFERENCE, strict=True)
    ]
    return "\n".join([*lines, f'model_reference_samples{{model="fraud",version="v1"}} {rows}', ""])


def test_the_exporters_score_is_the_definition() -> None:
    for current in (np.array([5, 0, 9, 1, 0, 3, 0, 0]), REFERENCE, np.arange(8) * 1000):
        assert psi(REFERENCE, current) == pytest.approx(definition(current), abs=1e-12)


@pytest.mark.servers
def test_two_scraped_replicas_give_the_psi_of_all_their_records(tmp_path: Path) -> None:
    """Real scrapes of two targets, counted up twice; the shipped ranges, only evaluated more often."""
    first = np.array([400, 300, 200, 50, 0, 20, 0, 0])
    second = np.array([300, 350, 280, 90, 0, 15, 0, 0])
    files = shorten_rules(RULES, tmp_path / "rules", interval="200ms")
    with StaticTarget(exposition(first * 0)) as a, StaticTarget(exposition(first * 0)) as b:
        config = prometheus_config({"drift-exporter": [a.address, b.address]}, interval="200ms")
        with prometheus(tmp_path / "prometheus", config, rules=files) as server:

            def recorded(expected: float) -> Callable[[], bool]:
                query = f"model:column_drift_psi:increase1h{{{COLUMN}}}"
                return lambda: [abs(s.value - expected) < 1e-3 for s in server.query(query)] == [True]

            until(lambda: a.scrapes >= 3 and b.scrapes >= 3)
            assert server.query("model:column_drift_psi:increase1h") == []
            for times in (1, 2):
                a.text, b.text = exposition(first * times), exposition(second * times)
                expected = psi(REFERENCE, (first + second) * times)
                until(recorded(expected), what=f"PSI {expected}")
            assert server.rule_problems() == []


def growth(rng: np.random.Generator, steps: int, shares: Counts, per_step: float) -> Counts:
    """Counters (steps, bins) of random traffic, from 0 on."""
    return np.cumsum(rng.poisson(per_step * shares / shares.sum(), (steps, len(BINS))), axis=0)


@pytest.mark.servers
def test_random_traffic_of_a_day_with_a_restart_and_a_new_replica(tmp_path: Path) -> None:
    """Scrapes of 15 s, each replica at its own moment, written as blocks and read by a real Prometheus."""
    rng = np.random.default_rng(7)
    step, end = 15, 1_700_000_400
    steps = 25 * 3600 // step
    mix = np.array([300, 320, 240, 70, 0, 17, 0, 0])
    cumulative = {
        "a": growth(rng, steps, mix, 20),
        "b": growth(rng, steps, mix + np.array([0, 0, 60, 40, 0, 5, 0, 0]), 12),
        "c": growth(rng, steps, mix[::-1] * (REFERENCE > 0) + mix, 6),
    }
    phase = {"a": 0, "b": 7, "c": 11}
    # b starts again at 0 half an hour before the end; c appears three hours before it, all bins at 0.
    restart, appears = steps - 1800 // step, steps - 3 * 3600 // step
    shown = {name: counts.copy() for name, counts in cumulative.items()}
    shown["b"][restart:] -= cumulative["b"][restart - 1]
    shown["c"] -= cumulative["c"][appears]

    lines = []
    for name, counts in shown.items():
        first = appears if name == "c" else 0
        times = [end - (steps - 1 - i) * step - phase[name] for i in range(first, steps)]
        for j, bin_ in enumerate(BINS):
            series = f'model_column_bin_total{{{COLUMN},bin="{bin_}",instance="{name}"}}'
            lines += [f"{series} {c} {t}" for c, t in zip(counts[first:, j], times, strict=True)]
    constant = [line for line in exposition(REFERENCE).splitlines() if "bin_total" not in line]
    text = ["# TYPE model_column_bin counter", *lines]
    for name in ("model_column_reference_ratio", "model_reference_samples"):
        text += [
            f"# TYPE {name} gauge",
            *(f"{line} {end - 60}" for line in constant if line.startswith(name)),
        ]
    (tmp_path / "metrics.om").write_text("\n".join([*text, "# EOF", ""]))
    tsdb = tmp_path / "prometheus" / "tsdb"
    command = [
        "promtool",
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        str(tmp_path / "metrics.om"),
        str(tsdb),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stderr

    with prometheus(
        tmp_path / "prometheus", "global: {}\n", flags=["--storage.tsdb.retention.time=100y"]
    ) as server:
        for window, span in (("1h", 3600), ("24h", 86400)):
            back = span // step
            counted = sum(
                cumulative[name][-1] - cumulative[name][max(steps - 1 - back, appears if name == "c" else 0)]
                for name in cumulative
            )
            (answer,) = server.query(unfolded(f"model:column_drift_psi:increase{window}"), at=end)
            assert answer.value == pytest.approx(psi(REFERENCE, counted), abs=1e-3), window
            assert answer.value > 0.05


def unfolded(name: str) -> str:
    """A recorded series' expression with every recorded series in it replaced by its own expression."""
    expressions = {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}
    text = name
    while found := [n for n in expressions if n in text]:
        for n in sorted(found, key=len, reverse=True):
            text = text.replace(n, f"({expressions[n]})")
    return text


@pytest.mark.parametrize("file", ["psi", "outcomes"])
def test_the_windows_differ_in_nothing_but_the_window(file: str) -> None:
    groups = yaml.safe_load((RULES / f"{file}.yml").read_text(encoding="utf-8"))["groups"]
    windows = {g["name"].rsplit("_", 1)[1]: g["rules"] for g in groups if re.search(r"_\d+[hd]$", g["name"])}
    assert {*windows} == {"1h", "24h", "7d"}
    for window, own in windows.items():
        assert own == yaml.safe_load(yaml.safe_dump(windows["1h"], width=10_000).replace("1h", window))


def test_short_rules_wait_less_and_say_so(tmp_path: Path) -> None:
    links = {"exporter": "http://127.0.0.1:1"}
    written = shorten_rules(
        RULES, tmp_path, wait={"ModelDrift": "3s"}, keep_firing="1s", range_factor=1 / 60, links=links
    )
    result = subprocess.run(
        ["promtool", "check", "rules", *map(str, written)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert sorted(p.name for p in written) == sorted(p.name for p in RULES.glob("*.yml"))
    short = [r for p in written for g in yaml.safe_load(p.read_text())["groups"] for r in g["rules"]]
    long = rules()
    assert [r.get("alert", r.get("record")) for r in short] == [r.get("alert", r.get("record")) for r in long]
    for ours, shipped in zip(short, long, strict=True):
        promql_parser.parse(ours["expr"])
        if "alert" in shipped:
            assert ours["for"] == ("3s" if shipped["alert"] == "ModelDrift" else shipped["for"])
            assert shipped["for"] in ours["annotations"]["shortened"]
            assert ours.get("keep_firing_for") == ("1s" if "keep_firing_for" in shipped else None)
    (urls,) = [r["labels"] for r in short if r.get("record") == "drift_exporter:links"]
    assert urls["exporter"] == "http://127.0.0.1:1"
    assert urls["grafana"] == "http://localhost:3000"
    with pytest.raises(FileNotFoundError, match="no rule files"):
        shorten_rules(tmp_path / "nowhere", tmp_path)


@pytest.mark.parametrize(
    ("expression", "factor", "expected"),
    [
        ("rate(a[5m])", 0.1, "rate(a[30000ms])"),
        ("rate(a[1h30m] offset 1d)", 1 / 60, "rate(a[90000ms] offset 1440000ms)"),
        ("max_over_time(a[1h:5m])", 0.5, "max_over_time(a[1800000ms:150000ms])"),
        ("rate(a[1m])", 0.001, "rate(a[2000ms])"),
    ],
)
def test_ranges_subqueries_and_offsets_are_scaled(expression: str, factor: float, expected: str) -> None:
    assert shorten_expression(expression, factor) == expected


def test_durations_are_read_as_prometheus_writes_them() -> None:
    assert seconds("1h30m") == 5400
    assert seconds("250ms") == 0.25
    with pytest.raises(ValueError, match="not a duration"):
        seconds("5 minutes")
