"""What is logged, and what is not."""

import logging
from collections.abc import Iterator

import pytest

from drift_exporter.logs import set_up_logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers, root.level = handlers, level
    logging.getLogger("azure").setLevel(logging.NOTSET)


@pytest.mark.parametrize(("level", "expected"), [("info", "WARNING"), ("debug", "DEBUG"), ("error", "ERROR")])
def test_a_client_that_tells_of_each_request_does_so_for_those_who_debug(level: str, expected: str) -> None:
    set_up_logs("logfmt", level)
    told = logging.getLogger("azure.core.pipeline.policies.http_logging_policy").getEffectiveLevel()
    assert expected == logging.getLevelName(told)
    assert level.upper() == logging.getLevelName(logging.getLogger("drift_exporter").getEffectiveLevel())
