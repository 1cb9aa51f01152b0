"""One run of the demonstration for all tests that look at it; it takes most of a minute."""

from collections.abc import Iterator

import pytest

from employment.demo import Pace, Shown
from employment.demo import demo as show

PACE = Pace(stable=11.0, shifted=7.0, patience=60.0)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """The demonstration after its page has come, with traffic going on.

    The tests that use it are in the group "demo", so that they run in one process and it runs once.
    """
    with show(tmp_path_factory.mktemp("demo"), PACE) as shown:
        yield shown
