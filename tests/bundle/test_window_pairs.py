"""Windows of a configuration in the rules that say which belong together."""

import subprocess
from pathlib import Path

import pytest
import yaml

from drift_exporter.bundle.window_pairs import with_windows
from drift_exporter.config import Window
from drift_exporter.errors import BundleError
from support.alerting import RULES

SHIPPED = (RULES / "windows.yml").read_text(encoding="utf-8")
OF_WINDOWS = {"15m": 900.0, "1h": 3_600.0, "6h": 21_600.0, "24h": 86_400.0, "7d": 604_800.0}


def windows(*names: str) -> list[Window]:
    return [Window(name, OF_WINDOWS[name]) for name in names]


def pairs(text: str) -> list[tuple[str, str]]:
    rules = yaml.safe_load(text)["groups"][0]["rules"]
    own = [rule["labels"] for rule in rules if rule["record"] == "drift_exporter:window_pair"]
    return [(labels["long"], labels["short"]) for labels in own]


def test_the_default_windows_are_the_shipped_ones() -> None:
    assert SHIPPED == with_windows(SHIPPED, windows("1h", "24h", "7d"))


def test_one_window_has_no_pair_and_nothing_is_changed() -> None:
    assert SHIPPED == with_windows(SHIPPED, windows("6h"))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["7d", "24h"], [("7d", "24h")]),
        (
            ["24h", "15m", "7d", "6h", "1h"],
            [("1h", "15m"), ("6h", "1h"), ("24h", "6h"), ("7d", "24h")],
        ),
    ],
)
@pytest.mark.servers
def test_each_window_is_with_the_next_shorter_one(
    tmp_path: Path, names: list[str], expected: list[tuple[str, str]]
) -> None:
    made = with_windows(SHIPPED, windows(*names))
    assert expected == pairs(made)
    assert SHIPPED == with_windows(made, windows("1h", "24h", "7d"))
    path = tmp_path / "windows.yml"
    path.write_text(made, encoding="utf-8")
    result = subprocess.run(
        ["promtool", "check", "rules", str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stderr


def test_rules_without_pairs_are_refused() -> None:
    with pytest.raises(BundleError, match=r"windows\.yml: has no rule drift_exporter:window_pair"):
        with_windows("groups: []\n", windows("1h", "24h"))
