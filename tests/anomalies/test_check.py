"""What cannot work is refused at the start, and by check-config, with what would be right."""

from pathlib import Path
from typing import Any

import pytest

from drift_exporter.cli import main
from drift_exporter.errors import ConfigurationError
from support.anomalies import Odd


@pytest.mark.parametrize(
    ("anomaly", "said"),
    [
        ({"detector": "ecot"}, "there is no detector 'ecot'; did you mean ecod"),
        ({"parameters": {"n_bins": 3}}, "detector 'ecod' has no parameter 'n_bins'; it has none"),
        ({"columns": ["amount", "colour"]}, "the reference has no column 'colour'; it has: "),
        (
            {"show": ["amount", "shops"]},
            "anomaly.show has 'shops', which the detector ecod does not see; did you mean \"shop\"?",
        ),
        ({"contamination": 0.0001}, "a contamination of 0.0001 needs at least 10000"),
    ],
)
def test_what_cannot_work_is_refused(
    tmp_path: Path, anomaly: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    setup = Odd(tmp_path, **anomaly)
    with pytest.raises(ConfigurationError) as caught:
        setup.model()
    assert said in str(caught.value)
    assert 2 == main(["check-config", str(setup.config_path)])
    assert said in capsys.readouterr().err.replace('\\"', '"')


def test_a_reference_without_its_sample_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setup = Odd(tmp_path)
    (tmp_path / "reference.sample.parquet").unlink()
    assert 1 == main(["check-config", str(setup.config_path)])
    assert "reference.sample.parquet: there is no such file" in capsys.readouterr().err


def test_what_works_is_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["check-config", str(Odd(tmp_path, show=["shop"]).config_path)])
    assert "fine" in capsys.readouterr().out
