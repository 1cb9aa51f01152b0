from typing import Any

import pytest

from drift_exporter.config.checks import across


@pytest.mark.parametrize(
    ("reference", "fits"),
    [
        ("fraud.json", True),
        ({"1": "a.json", "2": "b.json"}, True),
        ({"rolling": "7d", "offset": "1d"}, False),
        ({"version": "3"}, False),
        (None, False),
    ],
)
def test_methods_that_need_a_sample_are_refused_beside_references_without_one(
    reference: Any,  # noqa: ANN401 (as it stands in a file)
    *,
    fits: bool,
) -> None:
    model = {"reference": reference, "drift": {"multivariate": ["mmd"]}}
    places = [place for place, _ in across({"models": [model]})]
    assert ([] if fits else [("models", 0, "drift", "multivariate")]) == places
    assert [] == list(across({"models": [{**model, "drift": {"multivariate": []}}]}))
