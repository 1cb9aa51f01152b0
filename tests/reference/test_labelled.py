from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from drift_exporter.reference.document import from_document, to_document
from drift_exporter.reference.labelled import Unfit, read_outcomes, write_outcomes
from drift_exporter.reference.model import Reference
from drift_exporter.reference.outcomes import ReferenceOutcomes, count_outcomes


def outcomes() -> ReferenceOutcomes:
    answers, labels = np.array([0, 1, 2, 1, np.nan]), np.array([0, 2, 2, 1, 1])
    scores = (np.array([0.9, 0.2, 0.1, np.nan, 0.4]), np.array([0.1, 0.4, 5.0, 0.7, 0.3]))
    return count_outcomes(("a", "b", "c"), answers, labels, (0, 2), scores, (None, None))


def test_what_is_written_is_read() -> None:
    expected = outcomes()
    found = read_outcomes(write_outcomes(expected))
    assert (found.rows, found.classes, found.scored) == (4, ("a", "b", "c"), (0, 2))
    for name in ("confusion", "cells", "cell_sums", "edges"):
        np.testing.assert_array_equal(getattr(expected, name), getattr(found, name))


def test_edges_of_different_length_end_in_infinities() -> None:
    item = write_outcomes(outcomes())
    item["scores"][1] |= {"edges": [0.5], "cells": []}
    found = read_outcomes(item)
    assert [0.5, *[np.inf] * (len(found.edges[0]) - 1)] == found.edges[1].tolist()
    again = write_outcomes(found)
    assert again["scores"][1]["edges"] == [0.5]


def test_a_regression_has_sums_of_errors_only() -> None:
    expected = ReferenceOutcomes(7, errors={"absolute": 3.5, "squared": 2.25})
    assert read_outcomes(write_outcomes(expected)).errors == expected.errors


def test_in_the_document_of_a_reference() -> None:
    bare = Reference("loans", 5, (), 0.0, "")
    assert "outcomes" not in to_document(bare)
    assert from_document(to_document(bare)).outcomes is None
    held = Reference("loans", 5, (), 0.0, "", outcomes=outcomes())
    found = from_document(to_document(held)).outcomes
    assert found is not None
    assert found.rows == 4


def shorten(item: dict[str, Any]) -> None:
    item["classes"].pop()


def lose_one(item: dict[str, Any]) -> None:
    item["confusion"][0][0] = 0


def turn_edges(item: dict[str, Any]) -> None:
    item["scores"][0]["edges"].reverse()


def go_too_far(item: dict[str, Any]) -> None:
    item["scores"][0]["cells"][0] |= {"bins": [9_999], "counts": [1], "sums": [0.5]}


def owe_one(item: dict[str, Any]) -> None:
    item["scores"][0]["cells"][0] |= {"bins": [1], "counts": [-1], "sums": [0.5]}


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (shorten, "is not of its classes"),
        (lose_one, "do not add up to 4 rows"),
        (turn_edges, "do not ascend"),
        (go_too_far, "none of the score's"),
        (owe_one, "count is none"),
    ],
)
def test_what_does_not_add_up_is_refused(damage: Callable[[dict[str, Any]], None], why: str) -> None:
    item = write_outcomes(outcomes())
    damage(item)
    with pytest.raises(Unfit, match=why):
        read_outcomes(item)
