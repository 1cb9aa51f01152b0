from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drift_exporter.decode.plan import CategoricalLeaf, NumericLeaf, spellings
from drift_exporter.errors import ConfigurationError
from drift_exporter.planning import criteria_of, make_plan
from drift_exporter.reference.bins import categorical_column, numeric_column
from support.records import Setup, reference, usual_reference


def test_every_column_of_the_reference_and_every_role(tmp_path: Path) -> None:
    model = Setup(tmp_path).config.models[0]

    plan = make_plan(model, [usual_reference()], ["v1"])

    assert plan.numeric == (
        NumericLeaf(("features", "amount"), "amount", "feature"),
        NumericLeaf(("score",), "score", "score"),
    )
    assert plan.categorical == (
        CategoricalLeaf(("features", "country"), "country", "feature", ("a", "b", "é", "1")),
        CategoricalLeaf(("prediction",), "prediction", "prediction", ("yes", "no")),
    )
    assert (("ts",), ("version",), ("error",), ("latency_ms",), 1e-3, ("trace_id",), ("v1",)) == (
        plan.timestamp, plan.version, plan.error, plan.latency, plan.latency_scale, plan.trace_id,
        plan.versions,
    )  # fmt: skip


def test_categories_of_all_references(tmp_path: Path) -> None:
    model = Setup(tmp_path).config.models[0]
    first = reference(categorical_column("country", "feature", {"a": 2, "b": 1}, 0, 9))
    second = reference(categorical_column("country", "feature", {"b": 2, "c": 1}, 0, 9))

    assert make_plan(model, [first, second]).categorical[0].categories == ("a", "b", "c")


def test_features_by_name(tmp_path: Path) -> None:
    fields = {"timestamp": "ts", "features": {"amount": r"deep.a\.b", "country": "c"}}
    model = Setup(tmp_path, fields=fields).config.models[0]
    columns = (
        numeric_column("amount", "feature", np.arange(3.0)),
        categorical_column("country", "feature", {"a": 1, "b": 2}, 0, 9),
    )

    plan = make_plan(model, [reference(*columns)])

    assert ("deep", "a.b") == plan.numeric[0].path
    assert ("c",) == plan.categorical[0].path


WRONG: dict[str, tuple[dict[str, Any], list[Any], str]] = {
    "no way to a feature": (
        {"fields": {"timestamp": "ts", "features": {"country": "c"}}},
        [usual_reference()],
        "the reference has the feature 'amount', which predictions.fields.features does not lead to",
    ),
    "no way to the prediction": (
        {"fields": {"timestamp": "ts", "features": "features.*"}},
        [usual_reference()],
        "the reference has the prediction 'prediction', which predictions.fields.prediction does not lead to",
    ),
    "another type": (
        {"columns": {"amount": {"type": "categorical"}}},
        [usual_reference()],
        "column 'amount' is numeric in the reference and categorical in the configuration",
    ),
    "two types": (
        {},
        [
            reference(numeric_column("x", "feature", np.arange(3.0))),
            reference(categorical_column("x", "feature", {"a": 1}, 0, 9)),
        ],
        "column 'x' is numeric in one reference and categorical in another",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_planned(tmp_path: Path, case: str) -> None:
    options, references, message = WRONG[case]
    model = Setup(tmp_path, **options).config.models[0]

    with pytest.raises(ConfigurationError) as caught:
        make_plan(model, references)

    assert message in str(caught.value)


def test_criteria(tmp_path: Path) -> None:
    columns = {"amount": {"tolerance": 0.2}, "country": {}}
    model = Setup(tmp_path, columns=columns, drift={"minimum_records": 200}).config.models[0]

    criteria = criteria_of(model)

    assert criteria.importance is None
    assert {"amount": 0.2, "country": 0.05} == dict(criteria.tolerances)
    assert criteria.minimum_records == 200


def test_weights_are_part_of_the_criteria(tmp_path: Path) -> None:
    model = Setup(tmp_path, drift={"importance": {"amount": 0.4, "country": 0}}).config.models[0]

    assert {"amount": 0.4, "country": 0.0} == dict(criteria_of(model).importance or {})


def test_a_weight_for_what_is_no_feature_of_any_reference_is_refused(tmp_path: Path) -> None:
    model = Setup(tmp_path, drift={"importance": {"amount": 1, "b": 1}}).config.models[0]
    other = reference(numeric_column("b", "feature", np.arange(3.0)))

    make_plan(model, [usual_reference(), other])
    # Nothing is known of features before there is a reference.
    make_plan(model, [])
    with pytest.raises(ConfigurationError) as caught:
        make_plan(model, [usual_reference()])

    assert (
        "drift.importance has a weight for 'b', which is no feature of the reference; one of: amount, country"
        in (str(caught.value))
    )


@pytest.mark.parametrize(
    ("category", "written"),
    [
        ("1", ("1", "1.0")),
        ("1.0", ("1.0", "1")),
        ("-3", ("-3", "-3.0")),
        ("true", ("true", "True")),
        ("False", ("False", "false")),
        ("1.5", ("1.5",)),
        ("yes", ("yes",)),
        ("12345678901234567890", ("12345678901234567890",)),
    ],
)
def test_spellings_of_one_category(category: str, written: tuple[str, ...]) -> None:
    assert written == spellings(category)
