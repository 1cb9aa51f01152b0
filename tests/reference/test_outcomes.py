import numpy as np
import pytest

from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.outcomes import EVEN_BINS, score_edges

EVEN = np.arange(1, EVEN_BINS) / EVEN_BINS


@pytest.mark.parametrize(
    "scores",
    [None, np.linspace(0, 1, 5000), np.random.default_rng(1).beta(0.1, 20, 5000), np.full(10, 0.3)],
)
def test_probabilities_have_even_bins_and_narrower_ones_at_the_ends(scores: np.ndarray | None) -> None:
    column = None if scores is None else numeric_column("score", "score", scores)
    edges = score_edges(column)
    assert np.isin(EVEN, edges).all()
    assert (np.diff(edges) > 0).all()
    assert len(edges) < 430
    assert 0 < edges[0] < 2e-6
    assert 1 - 2e-6 < edges[-1] < 1
    if column is not None:
        assert np.isin(column.fine_edges, edges).all()


def test_other_scores_have_the_bins_of_the_reference() -> None:
    column = numeric_column("score", "score", np.linspace(-3, 3, 5000))
    assert column.fine_edges.tolist() == score_edges(column).tolist()
