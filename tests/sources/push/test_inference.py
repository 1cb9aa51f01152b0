"""Bodies of inference requests and responses as servers and their clients write them."""

from typing import Any

import pytest

from drift_exporter.sources.push import inference
from drift_exporter.sources.push.inference import UnreadableBodyError, request_rows, response_rows


def tensor(name: str, shape: list[int], data: list[Any], datatype: str = "FP64") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # V1
        ({"instances": [[6.8, 2.8], [6.0, 3.4]]}, [{"f0": 6.8, "f1": 2.8}, {"f0": 6.0, "f1": 3.4}]),
        ({"instances": [{"amount": 1, "country": "a"}]}, [{"amount": 1, "country": "a"}]),
        ({"instances": [1, "b"]}, [{"f0": 1}, {"f0": "b"}]),
        ({"instances": [[[1, 2], [3, 4]]]}, [{"f0": 1, "f1": 2, "f2": 3, "f3": 4}]),
        ({"instances": [[]]}, [{}]),
        ({"instances": []}, []),
        # V2
        (
            {"inputs": [tensor("predict", [2, 2], [1, 2, 3, 4])]},
            [{"predict_0": 1, "predict_1": 2}, {"predict_0": 3, "predict_1": 4}],
        ),
        (
            {"inputs": [tensor("predict", [2, 2], [[1, 2], [3, 4]])]},
            [{"predict_0": 1, "predict_1": 2}, {"predict_0": 3, "predict_1": 4}],
        ),
        (
            {"inputs": [tensor("amount", [2, 1], [1.5, 2]), tensor("country", [2], ["a", "é"], "BYTES")]},
            [{"amount": 1.5, "country": "a"}, {"amount": 2, "country": "é"}],
        ),
        (
            {"inputs": [tensor("data", [1], [63]), tensor("parameters", [16], [7] * 16, "BYTES")]},
            [{"data": 63}],
        ),
        ({"inputs": [tensor("x", [], [5])]}, [{"x": 5}]),
        # Seldon
        (
            {"data": {"names": ["SL", "SW"], "ndarray": [[6.8, 2.8], [6.1, 3.4]]}},
            [{"SL": 6.8, "SW": 2.8}, {"SL": 6.1, "SW": 3.4}],
        ),
        ({"data": {"ndarray": [[2, 1]]}}, [{"f0": 2, "f1": 1}]),
        ({"data": {"names": ["a", "b"], "ndarray": [0.77, 0.63]}}, [{"a": 0.77, "b": 0.63}]),
        (
            {"data": {"tensor": {"shape": [2, 1], "values": [1, 2]}, "names": ["a"]}},
            [{"a": 1}, {"a": 2}],
        ),
    ],
)
def test_requests(body: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    assert expected == request_rows(body, None)


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [[1, 2], [3, 4]]},
        {"inputs": [tensor("predict", [2, 2], [1, 2, 3, 4])]},
        {"data": {"ndarray": [[1, 2], [3, 4]]}},
        {"data": {"names": ["x", "y"], "ndarray": [[1, 2], [3, 4]]}},
    ],
)
def test_names_from_the_configuration(body: dict[str, Any]) -> None:
    assert [{"a": 1, "b": 2}, {"a": 3, "b": 4}] == request_rows(body, ["a", "b"])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"predictions": [1, "no"]}, [{"prediction": 1}, {"prediction": "no"}]),
        (
            {"predictions": [[0.1, 0.9]]},
            [{"prediction_0": 0.1, "prediction_1": 0.9, "prediction_argmax": 1, "prediction_max": 0.9}],
        ),
        (
            {"predictions": [{"label": "yes", "scores": [0.7, 0.3]}]},
            [{"label": "yes", "scores_0": 0.7, "scores_1": 0.3, "scores_argmax": 0, "scores_max": 0.7}],
        ),
        (
            {
                "outputs": [
                    tensor("predict", [2], ["yes", "no"], "BYTES"),
                    tensor("predict_proba", [2, 2], [0.2, 0.8, 0.6, 0.4]),
                ]
            },
            [
                {
                    "predict": "yes",
                    "predict_proba_0": 0.2,
                    "predict_proba_1": 0.8,
                    "predict_proba_argmax": 1,
                    "predict_proba_max": 0.8,
                },
                {
                    "predict": "no",
                    "predict_proba_0": 0.6,
                    "predict_proba_1": 0.4,
                    "predict_proba_argmax": 0,
                    "predict_proba_max": 0.6,
                },
            ],
        ),
        ({"outputs": [tensor("tags", [1, 2], ["a", "b"])]}, [{"tags_0": "a", "tags_1": "b"}]),
        (
            {"data": {"names": ["t:0", "t:1"], "ndarray": [[0.4, 0.6]]}},
            [{"t:0": 0.4, "t:1": 0.6, "prediction_argmax": 1, "prediction_max": 0.6}],
        ),
        (
            {"data": {"ndarray": [[0.4, 0.6]]}},
            [{"prediction_0": 0.4, "prediction_1": 0.6, "prediction_argmax": 1, "prediction_max": 0.6}],
        ),
    ],
)
def test_responses(body: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    assert expected == response_rows(body)


def test_an_image_has_no_columns_but_its_classes_are_told() -> None:
    assert [{}] == request_rows({"inputs": [tensor("image", [1, 3, 20, 20], [0] * 1200)]}, None)
    classes = [0.0] * 1001
    classes[77] = 0.5
    row = response_rows({"predictions": [classes]})
    assert [{"prediction_argmax": 77, "prediction_max": 0.5}] == row


def test_inputs_of_another_length_than_the_answer_are_left_out() -> None:
    body = {"inputs": [tensor("options", [3], [1, 2, 3]), tensor("x", [2], [5, 6])]}
    assert [{"x": 5}, {"x": 6}] == request_rows(body, None, rows=2)
    with pytest.raises(UnreadableBodyError, match="no input tensor for 4 records"):
        request_rows(body, None, rows=4)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ([], "not an object"),
        ({}, "no request; it holds"),
        ({"inputs": {"x": [1]}}, "no request; it holds"),
        ({"inputs": []}, "no request; it holds"),
        ({"inputs": [5]}, "a tensor without a name"),
        ({"inputs": [{"name": "x", "shape": [1], "parameters": {"binary_data_size": 4}}]}, "binary tensors"),
        ({"inputs": [tensor("x", [2, 2], [1, 2, 3])]}, r"3 values, and the shape \[2, 2\]"),
        ({"inputs": [tensor("x", [10**12, 0], [])]}, "sizes above 0"),
        ({"inputs": [tensor("x", [-1], [1])]}, "sizes above 0"),
        ({"inputs": [tensor("x", [True], [1])]}, "sizes above 0"),
        ({"inputs": [{"name": "x", "data": [1]}]}, "no shape"),
        ({"data": {"ndarray": [[1, 2], [3]]}}, "rows differ in length"),
        ({"data": {"strData": "x"}}, "without ndarray or tensor"),
        ({"data": {"names": ["a"], "ndarray": [[1, 2]]}}, "2 values for a record, and 1 names"),
    ],
)
def test_what_cannot_be_read(body: Any, why: str) -> None:  # noqa: ANN401
    with pytest.raises(UnreadableBodyError, match=why):
        request_rows(body, None)


def test_names_that_do_not_fit() -> None:
    with pytest.raises(UnreadableBodyError, match="3 values for a record, and 2 names"):
        request_rows({"instances": [[1, 2, 3]]}, ["a", "b"])


def test_nested_lists_are_flattened_in_linear_time() -> None:
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    values = [*range(100_000), deep]
    assert {} == request_rows({"instances": [values]}, None)[0]
    assert 100_001 == len(inference._flat(values))  # noqa: SLF001  # what the row is made of
