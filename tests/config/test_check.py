from pathlib import Path

import pytest

from drift_exporter.config import check_config
from drift_exporter.errors import ConfigurationError

CONFIG = """\
state_dir: state
models:
  - name: fraud
    task: binary
    reference: references/fraud.json
    predictions:
      source: {type: file, path: logs/**/*.ndjson}
      fields: {timestamp: ts, id: id}
"""


def written(folder: Path, text: str) -> Path:
    (folder / "references").mkdir()
    (folder / "references" / "fraud.json").touch()
    (folder / "logs" / "today").mkdir(parents=True)
    (folder / "logs" / "today" / "1.ndjson").touch()
    file = folder / "config.yml"
    file.write_text(text, encoding="utf-8")
    return file


def test_nothing_to_say(tmp_path: Path) -> None:
    checked = check_config(written(tmp_path, CONFIG))
    assert checked.config.models[0].name == "fraud"
    assert (checked.problems, checked.warnings) == ((), ())


def test_reference_that_is_not_there(tmp_path: Path) -> None:
    file = written(tmp_path, CONFIG.replace("fraud.json", "new ones.json"))
    output = f"'{tmp_path}/references/new ones.json'"
    (problem,) = check_config(file).problems
    assert problem == (
        f'{file}:5: models[0].reference: "{tmp_path}/references/new ones.json" is not a file; make it with: '
        f"drift-exporter reference build --config {file} --model fraud --input FILE --output {output}"
    )


def test_reference_of_one_version_that_is_not_there(tmp_path: Path) -> None:
    versions = "\n      v1: references/fraud.json\n      v2: references"
    file = written(tmp_path, CONFIG.replace(" references/fraud.json", versions))
    (problem,) = check_config(file).problems
    assert problem.startswith(
        f'{file}:7: models[0].reference.v2: "{tmp_path}/references" is not a file; make it'
    )


def test_pattern_that_matches_nothing_is_a_warning(tmp_path: Path) -> None:
    checked = check_config(written(tmp_path, CONFIG.replace("*.ndjson", "*.csv")))
    place = f"{tmp_path}/config.yml:7: models[0].predictions.source.path"
    assert checked.problems == ()
    assert checked.warnings == (f'{place}: "{tmp_path}/logs/**/*.csv" matches no file yet; check the path',)


def test_no_reference_and_no_timestamp_are_warnings(tmp_path: Path) -> None:
    text = CONFIG.replace("    reference: references/fraud.json\n", "").replace("timestamp: ts, ", "")
    file = written(tmp_path, text)
    reference, timestamp = check_config(file).warnings
    no_reference = "there is no reference, so no drift is judged; name one as reference"
    no_time = "there is no timestamp, so a record counts at the time it is read; name one as timestamp"
    assert reference == f"{file}:3: models[0]: {no_reference}"
    assert timestamp == f"{file}:7: models[0].predictions.fields: {no_time}"


def test_labels_without_files_and_times_are_warnings(tmp_path: Path) -> None:
    labels = "    labels:\n      source: {type: file, path: labels/*.csv}\n      fields: {id: id, label: y}\n"
    file = written(tmp_path, CONFIG.replace("{timestamp: ts", "{prediction: p, timestamp: ts") + labels)
    pattern, time = check_config(file).warnings
    assert pattern.startswith(f"{file}:10: models[0].labels.source.path: ")
    no_time = "there is no timestamp, so the delay of labels is not known; name one as timestamp"
    assert time == f"{file}:11: models[0].labels.fields: {no_time}"


def test_folders_that_are_files(tmp_path: Path) -> None:
    file = written(tmp_path, CONFIG.replace("state_dir: state", "state_dir: config.yml"))
    assert check_config(file).problems == (
        f'{file}:1: state_dir: "{tmp_path}/config.yml" is not a folder; name another',
    )


def test_what_does_not_load_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"config\.yml:1: windows: the list is empty"):
        check_config(written(tmp_path, f"windows: []\n{CONFIG}"))


def test_too_many_signals_for_the_history_is_a_warning(tmp_path: Path) -> None:
    signals = "\n".join(f"    - {{name: s{number}, query: up}}" for number in range(30))
    text = f"{CONFIG}infrastructure:\n  prometheus: http://localhost:9090\n  signals:\n{signals}\n"
    checked = check_config(written(tmp_path, text))
    assert checked.warnings == ()
    more = text + "".join(f"    - {{name: t{number}, query: up}}\n" for number in range(20))
    (tmp_path / "config.yml").write_text(more)
    (warning,) = check_config(tmp_path / "config.yml").warnings
    assert warning == (
        f"{tmp_path}/config.yml:9: infrastructure.correlation.max_lag: the history holds 609 shifts by "
        "chance, too few to tell one of 50 signals from it; take a shorter max_lag, or a longer history"
    )
