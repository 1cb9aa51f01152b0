import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drift_exporter.count.binner import Binner

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
EXTREME = st.sampled_from(
    [0.0, -0.0, 5e-324, -5e-324, 2.2e-308, 1.7e308, -1.7e308, 1.0, np.nextafter(1.0, 2)]
)


@given(
    edges=st.lists(NUMBERS | EXTREME, max_size=150, unique=True),
    values=st.lists(NUMBERS | EXTREME | st.sampled_from([np.inf, -np.inf]), max_size=50),
)
@example(edges=[-1.7e308, 1.7e308], values=[])
@example(edges=[0.0, 5e-324], values=[])
@example(edges=[-1.7e308, 0.0, 1.7e308], values=[np.inf, -np.inf])
@example(edges=[1e16, 1e16 + 2, 1e16 + 4, 2e16], values=[1e16 + 1])
def test_is_a_search_among_the_edges(edges: list[float], values: list[float]) -> None:
    sorted_edges = np.unique(np.array(edges, dtype=np.float64))
    # At every edge, and right beside it, is where rounding would show.
    with np.errstate(over="ignore"):
        below, above = np.nextafter(sorted_edges, -np.inf), np.nextafter(sorted_edges, np.inf)
    beside = np.concatenate([sorted_edges, below, above, -sorted_edges])
    data = np.concatenate([np.array(values, dtype=np.float64), beside])

    binner = Binner(sorted_edges)

    np.testing.assert_array_equal(np.searchsorted(sorted_edges, data, side="left"), binner.bin(data))
    assert binner.bins == len(sorted_edges) + 1


@pytest.mark.parametrize("shape", ["normal", "lognormal", "cauchy", "integers", "clusters"])
def test_real_shapes(shape: str) -> None:
    random = np.random.default_rng(7)
    draw = {
        "normal": random.standard_normal,
        "lognormal": lambda n: random.lognormal(0, 3, n),
        "cauchy": random.standard_cauchy,
        "integers": lambda n: random.integers(0, 300, n).astype(float),
        "clusters": lambda n: random.choice([0.0, 1e9], n) + random.random(n) * 1e-3,
    }[shape]
    edges = np.unique(np.quantile(draw(20_000), np.linspace(0, 1, 129)[1:-1]))
    values = np.concatenate([draw(50_000), edges])

    np.testing.assert_array_equal(np.searchsorted(edges, values, side="left"), Binner(edges).bin(values))


def test_the_bin_of_nan_is_one_that_exists() -> None:
    binner = Binner(np.linspace(0, 1, 127))

    assert 0 <= binner.bin(np.array([np.nan]))[0] < binner.bins


def test_no_edge_is_one_bin() -> None:
    assert Binner(np.array([])).bin(np.array([-np.inf, np.inf])).tolist() == [0, 0]
