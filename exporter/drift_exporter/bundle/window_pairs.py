"""Pairs of a configuration's windows in the rules: each with the next shorter one."""

import re
from collections.abc import Sequence
from itertools import pairwise

from drift_exporter.config import Window
from drift_exporter.errors import BundleError

PATH = "alerting/rules/windows.yml"
_PAIR = r" +- record: drift_exporter:window_pair\n +expr: .*\n +labels:\n(?: +(?:long|short): .*\n)+"
_PAIRS = re.compile(rf"{_PAIR}(?:\n(?: *#.*\n)*{_PAIR})*")


def with_windows(text: str, windows: Sequence[Window]) -> str:
    """The rules with the pairs of these windows, as they are where there are no two; raises BundleError.

    What stands around the pairs stays.
    """
    ordered = sorted(windows, key=lambda window: window.seconds)
    pairs = [_pair(long.name, short.name) for short, long in pairwise(ordered)]
    if not pairs:
        return text
    found = _PAIRS.search(text)
    if found is None:
        raise BundleError(f"{PATH}: has no rule drift_exporter:window_pair; install drift-exporter again")
    between = "\n      # The same of the next longer ones.\n"
    return f"{text[: found.start()]}{between.join(pairs)}{text[found.end() :]}"


def _pair(long: str, short: str) -> str:
    return f"""\
      - record: drift_exporter:window_pair
        expr: vector(1)
        labels:
          long: {long}
          short: {short}
"""
