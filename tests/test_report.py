"""``report``: the page of one model as a file, from all that its logs hold."""

from pathlib import Path

import pytest

from drift_exporter.cli import main
from drift_exporter.expose.report.document import POLICY
from drift_exporter.runtime import ModelRuntime
from drift_exporter.setting_up import make_model
from drift_exporter.snapshot import Onset
from support.records import NOW, Setup, ndjson, record


@pytest.fixture
def made(tmp_path: Path) -> Setup:
    setup = Setup(tmp_path, windows=["1h", "24h"])
    amounts = [{"amount": 50 + i % 50, "country": "a"} for i in range(500)]
    (setup.logs / "a.ndjson").write_bytes(ndjson(*(record(NOW, features=one) for one in amounts)))
    return setup


def report(made: Setup, *arguments: str) -> tuple[int, str]:
    """Exit status, and the page where there is one."""
    output = made.folder / "report.html"
    status = main(
        ["report", "--config", str(made.config_path), "--output", str(output), "--model", *arguments]
    )
    return status, output.read_text(encoding="utf-8") if output.exists() else ""


def test_it_is_the_page_of_the_model_and_stands_for_itself(
    made: Setup, capsys: pytest.CaptureFixture[str]
) -> None:
    status, page = report(made, "fraud")

    assert (0, "", "") == (status, *capsys.readouterr())
    assert "500 records in the 1h window" in page
    assert "have drifted: " in page
    assert page.startswith("<!DOCTYPE html>")
    assert POLICY.removesuffix("; frame-ancestors 'none'").replace("'", "&#x27;") in page
    assert 'href="http' not in page
    assert "<script" not in page
    # There is one evaluation only, and all records are of one time.
    assert ">2026-01-02 03:04 UTC</time> or earlier" in page


def test_version_and_window_can_be_chosen(made: Setup) -> None:
    (made.logs / "b.ndjson").write_bytes(ndjson(record(NOW, version="v2")))
    status, page = report(made, "fraud", "--version", "v1", "--window", "24h")
    assert 0 == status
    assert "500 records in the 24h window" in page
    status, page = report(made, "fraud", "--version", "v2")
    assert "1 record in the 1h window" in page


def test_runbooks_are_where_the_configuration_says(made: Setup) -> None:
    text = made.config_path.read_text()
    made.config_path.write_text(text.replace("{", '{"runbooks": "https://runbooks.example/r/", ', 1))
    status, page = report(made, "fraud")
    assert 0 == status
    assert 'href="https://runbooks.example/r/ModelDrift.md"' in page


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["frau"], 2, "--model 'frau': there is none of that name; there are: 'fraud'"),
        (["fraud", "--window", "2h"], 2, "--window '2h': there is none of that name; there are: '1h', '24h'"),
        (
            ["fraud", "--version", "9"],
            1,
            "error: --version '9': there is none of that name; there are: 'v1'",
        ),
    ],
)
def test_what_is_not_there_is_said_with_what_is(
    made: Setup, arguments: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (status, "") == report(made, *arguments)
    assert said in capsys.readouterr().err


def test_a_source_that_cannot_be_read_is_told_beside_the_page(
    made: Setup, capsys: pytest.CaptureFixture[str]
) -> None:
    (made.logs / "a.ndjson").unlink()
    status, page = report(made, "fraud")
    assert (1, True) == (status, "No records yet." in page)
    said = f"error: source fraud/predictions: no file matches {made.logs}/*.ndjson\n"
    assert said in capsys.readouterr().err


def test_a_page_that_cannot_be_written_is_an_error(made: Setup, capsys: pytest.CaptureFixture[str]) -> None:
    (made.folder / "report.html").mkdir()
    status = main(
        [
            *("report", "--config", str(made.config_path), "--model", "fraud"),
            *("--output", str(made.folder / "report.html")),
        ]
    )
    assert 1 == status
    assert "report.html" in capsys.readouterr().err


def test_a_shift_that_is_followed_has_its_onset(tmp_path: Path) -> None:
    setup = Setup(tmp_path, windows=["1h"])

    def log(name: str, at: float, country: str, records: int) -> None:
        features = [{"amount": i % 100, "country": country or "aaaabbbéé1"[i % 10]} for i in range(records)]
        answers = ["yes", "yes", "yes", "no", "no"]
        lines = (record(at, features=one, prediction=answers[i % 5]) for i, one in enumerate(features))
        (setup.logs / name).write_bytes(ndjson(*lines))

    def since(model: ModelRuntime) -> dict[str, Onset | None]:
        model.read()
        (version,) = model.evaluate()[0].versions
        return {one.column.name: one.since for one in version.windows[0].columns}

    model = make_model(setup.config.models[0], setup.config, clock=lambda: NOW)
    try:
        log("a.ndjson", NOW - 3600, "", 400)
        assert {"amount": None, "country": None, "prediction": None} == since(model)
        # Seen to begin: it was not there an evaluation before, hardly any time ago.
        log("b.ndjson", NOW - 3570, "a", 2000)
        first = since(model)
        assert {"amount": None, "prediction": None} == {k: v for k, v in first.items() if k != "country"}
        seen = first["country"]
        assert seen is not None
        assert seen == Onset(seen.time)
        assert 0 <= seen.time - (NOW - 3570) <= 60
        log("c.ndjson", NOW, "a", 2000)
        assert first == since(model)
    finally:
        model.close()
