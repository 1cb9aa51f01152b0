from pathlib import Path

import numpy as np
import pytest

from drift_exporter.errors import ConfigurationError
from drift_exporter.judge.anomaly.registry import detector_names, make_detector
from support.detectors import install_detector, numbers


def test_detectors_of_pyod_are_found_by_the_name_of_their_module() -> None:
    detector = make_detector("iforest", {"n_estimators": 7}, 3, 0.02)
    assert ("IForest", 7, 3, 0.02, 1) == (
        type(detector).__name__,
        detector.n_estimators,
        detector.random_state,
        detector.contamination,
        detector.n_jobs,
    )


def test_there_are_many() -> None:
    names = detector_names()
    assert {"abod", "copod", "ecod", "gmm", "hbos", "iforest", "inne", "knn", "loda", "lof", "pca"} <= set(
        names
    )
    assert names == sorted(set(names))
    assert not {"base", "thresholds", "pyg_scan", "ts_sand"} & set(names)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("iforst", {}, "there is no detector 'iforst'; did you mean iforest"),
        ("base", {}, "there is no detector 'base'; "),
        (
            "hbos",
            {"bins": 5},
            r"detector 'hbos' has no parameter 'bins'; did you mean 'n_bins'\? it has: n_bins, alpha, tol",
        ),
        ("ecod", {"n_bins": 5}, "detector 'ecod' has no parameter 'n_bins'; it has none"),
        ("knn", {"n_jobs": 2}, "detector 'knn': 'n_jobs' is no parameter to give here; "),
        ("hbos", {"alpha": 7}, "detector 'hbos' refuses its parameters: "),
        ("lscp", {}, "detector 'lscp' refuses its parameters: .*detector_list"),
        ("xgbod", {}, r"detector 'xgbod' needs what is not installed: .*\(pip install xgboost\)"),
    ],
)
def test_what_cannot_be_made_is_refused(name: str, parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make_detector(name, parameters, 0, 0.01)


def test_what_is_missing_is_named_and_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigurationError, match=r"'torch'; install it .*\(pip install torch\)"):
        make_detector("vae", {}, 0, 0.01)
    assert "" == capsys.readouterr().out


def test_the_error_says_which_there_are() -> None:
    with pytest.raises(
        ConfigurationError, match=r"all are: abod, .*, xgbod \(modules of pyod\.models, and entry"
    ):
        make_detector("nothing_like_it", {}, 0, 0.01)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package on the path that has a detector."""
    (tmp_path / "far_out.py").write_text(
        "import numpy as np\n"
        "class Detector:\n"
        "    def __init__(self, *, power=2.0, random_state=None):\n"
        "        self.power, self.seed = power, random_state\n"
        "    def fit(self, values):\n"
        "        self.mean = values.mean(axis=0)\n"
        "    def decision_function(self, values):\n"
        "        return (np.abs(values - self.mean) ** self.power).sum(axis=1)\n"
    )
    install_detector(tmp_path, "far_out", "far_out:Detector", monkeypatch)


@pytest.mark.usefixtures("installed")
def test_a_detector_of_another_package_is_found_by_its_entry_point() -> None:
    detector = make_detector("far_out", {"power": 1.0}, 5, 0.01)
    assert (1.0, 5) == (detector.power, detector.seed)
    assert "far_out" in detector_names()
    values = numbers(50, np.random.default_rng(1))
    detector.fit(values)
    assert (50,) == detector.decision_function(values).shape
    with pytest.raises(
        ConfigurationError, match="detector 'far_out' has no parameter 'powr'; did you mean 'power'"
    ):
        make_detector("far_out", {"powr": 1.0}, 5, 0.01)


def test_bins_that_are_found_are_those_of_pyod() -> None:
    assert ["Histograms", "HBOS"] == [
        type(make_detector("hbos", {"n_bins": bins}, 0, 0.01)).__name__ for bins in (7, "auto")
    ]
