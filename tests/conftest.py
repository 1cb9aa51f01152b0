"""Settings of all tests, and their order: those that take longest begin first.

Else one worker is left alone with them at the end.
"""

from collections.abc import Iterable

import pytest
from hypothesis import settings

# A property is not wrong because the machine has other things to do. A run tries the same examples as the one
# before, so that what fails is what was changed; --hypothesis-profile=search tries others.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None)
settings.load_profile("repeatable")

LONGEST = (
    "demo-s3",
    "kill",
    "kafka-replicas",
    "push-kill",
    "demo-s2",
    "kafka",
    "demo",
    "demo-program",
    "latency",
    "disks",
)
"""Groups, whose tests run one after the other in one process."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put these groups first, in this order."""
    items.sort(key=lambda item: _place(item.iter_markers("xdist_group")))


def _place(marks: Iterable[pytest.Mark]) -> int:
    return min((LONGEST.index(mark.args[0]) for mark in marks if mark.args[0] in LONGEST), default=99)
