"""The command line, as a user calls it: real processes, real files, exit statuses."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from drift_exporter import __version__
from drift_exporter.cli import main
from support import program
from support.servers import free_port, until

CONFIG = """\
evaluation_interval: 200ms
windows: [1h]
models:
  - name: fraud
    task: binary
    predictions:
      source: {type: file, path: logs/*.ndjson}
      fields: {timestamp: ts, prediction: answer, features: features.*}
"""


def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "drift_exporter.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False, timeout=120)


def forked(*arguments: str | Path) -> tuple[int, str, str]:
    """Status, output and errors of a command, without the time that its imports take."""
    result = program.run(*arguments)
    return result.returncode, result.stdout.decode(), result.stderr.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yml").write_text(CONFIG)
    (tmp_path / "logs").mkdir()
    write(tmp_path / "logs" / "a.ndjson", range(100))
    return tmp_path


def write(path: Path, seconds: Sequence[int]) -> None:
    with path.open("a") as file:
        for i in seconds:
            record = {"ts": 1_767_225_600 + i, "answer": i % 2, "features": {"amount": i, "country": "de"}}
            file.write(json.dumps(record) + "\n")


def sample(text: str, series: str) -> float | None:
    for line in text.splitlines():
        if line.startswith(series + " "):
            return float(line.rpartition(" ")[2])
    return None


def test_version() -> None:
    result = run("--version")
    assert (0, f"drift-exporter {__version__}\n") == (result.returncode, result.stdout)


@pytest.mark.parametrize("verb", [(), ("reference",), ("state",)])
def test_without_a_verb_help_and_wrong_usage(verb: tuple[str, ...]) -> None:
    result = run(*verb)
    assert (2, "") == (result.returncode, result.stdout)
    assert "usage: drift-exporter" in result.stderr


VERBS = ("init", "serve", "once", "report", "check-config", "reference", "state", "bundle")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str) -> None:
    result = run(verb, "--help")
    assert 0 == result.returncode
    assert f"usage: drift-exporter {verb}" in result.stdout


def test_once_prints_the_metrics(folder: Path) -> None:
    result = run("once", "--config", folder / "config.yml")
    assert (0, "") == (result.returncode, result.stderr)
    assert 100.0 == sample(result.stdout, 'model_predictions_total{model="fraud",version="unversioned"}')


def test_once_tells_what_it_could_not_read_and_prints_the_rest(folder: Path) -> None:
    (folder / "logs" / "a.ndjson").unlink()
    result = run("once", "--config", folder / "config.yml")
    assert 1 == result.returncode
    assert f"error: source fraud/predictions: no file matches {folder}/logs/*.ndjson\n" in result.stderr
    assert 0.0 == sample(result.stdout, 'drift_exporter_source_up{source="fraud/predictions"}')


def test_a_wrong_configuration_is_status_2_with_its_place(folder: Path) -> None:
    (folder / "config.yml").write_text(CONFIG.replace("task: binary", "task: binry"))
    for verb in (["check-config"], ["once", "--config"], ["serve", "--config"]):
        result = run(*verb, folder / "config.yml")
        assert (2, "") == (result.returncode, result.stdout)
        assert f"{folder}/config.yml:5: models[0].task" in result.stderr


def test_check_config_is_fine_with_warnings(folder: Path) -> None:
    result = run("check-config", folder / "config.yml")
    assert (0, f"{folder}/config.yml: fine\n") == (result.returncode, result.stdout)
    assert "warning: " in result.stderr


def test_check_config_reads_the_references_too(folder: Path) -> None:
    config = CONFIG.replace("task: binary", "task: binary\n    reference: reference.json")
    (folder / "config.yml").write_text(config)
    (folder / "reference.json").write_text("{}")
    result = run("check-config", folder / "config.yml")
    assert (1, "") == (result.returncode, result.stdout)
    assert "reference.json" in result.stderr


def test_from_a_log_to_scores(folder: Path) -> None:
    log = folder / "logs" / "a.ndjson"
    inferred = run("init", "--input", log, cwd=folder)
    assert (0, "") == (inferred.returncode, inferred.stderr)
    (folder / "config.yml").write_text(
        CONFIG.replace("task: binary", "task: binary\n    reference: reference.json")
    )
    built = run(
        "reference", "build", "--config", folder / "config.yml", "--model", "fraud",
        "--input", log, "--output", folder / "reference.json",
    )  # fmt: skip
    assert 0 == built.returncode, built.stderr
    shown = run("reference", "show", folder / "reference.json")
    assert 0 == shown.returncode
    assert "amount" in shown.stdout
    result = run("once", "--config", folder / "config.yml")
    series = 'column="amount",kind="feature",method="psi",model="fraud",version="unversioned",window="1h"'
    assert 0.0 == sample(result.stdout, f"model_drift_score{{{series}}}")


def test_a_closed_pipe_is_no_error(folder: Path) -> None:
    once = f"{sys.executable} -m drift_exporter.cli once --config {folder}/config.yml"
    command = f"{once} | head -1; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert (0, "") == (result.returncode, result.stderr)


@contextmanager
def serving(folder: Path, *more: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "drift_exporter.cli", "--log.format", "json", "serve"]
    process = subprocess.Popen(
        [*command, "--config", str(folder / "config.yml"), "--web.listen-address", address, *more],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: answers(f"http://{address}/-/ready"), what="ready")
        yield f"http://{address}", process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=10).ok
    except requests.ConnectionError:
        return False


def metric(url: str, series: str) -> float | None:
    return sample(requests.get(f"{url}/metrics", timeout=10).text, series)


PREDICTIONS = 'model_predictions_total{model="fraud",version="unversioned"}'
RELOADED = "drift_exporter_config_last_reload_successful"


def test_serve_follows_the_log_and_reloads_on_hangup(folder: Path) -> None:
    with serving(folder) as (url, process):
        until(lambda: metric(url, PREDICTIONS) == 100.0, what="the log is counted")
        write(folder / "logs" / "b.ndjson", range(100, 150))
        until(lambda: metric(url, PREDICTIONS) == 150.0, what="a new file is counted")

        (folder / "config.yml").write_text("models: 1\n")
        process.send_signal(signal.SIGHUP)
        until(lambda: metric(url, RELOADED) == 0.0, what="a wrong configuration is refused")
        assert 150.0 == metric(url, PREDICTIONS)

        (folder / "config.yml").write_text(CONFIG.replace("task: binary", "task: binary\n    impact: high"))
        process.send_signal(signal.SIGHUP)
        until(lambda: metric(url, RELOADED) == 1.0, what="a right one is used")
        until(lambda: 'impact="high"' in requests.get(f"{url}/metrics", timeout=10).text)
        write(folder / "logs" / "b.ndjson", range(150, 160))
        until(lambda: metric(url, PREDICTIONS) == 160.0, what="counters go on after a reload")
        assert 403 == requests.post(f"{url}/-/reload", timeout=10).status_code

        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(timeout=20)


def test_serve_reloads_over_http_where_allowed(folder: Path) -> None:
    with serving(folder, "--web.enable-lifecycle") as (url, _):
        assert 200 == requests.post(f"{url}/-/reload", timeout=10).status_code
        (folder / "config.yml").write_text(CONFIG.replace("1h", "1x"))
        refused = requests.post(f"{url}/-/reload", timeout=10)
        assert 500 == refused.status_code
        assert "config.yml:2: windows" in refused.text
        assert "windows" in requests.get(f"{url}/config", timeout=10).text


@pytest.mark.fault("port taken")
def test_a_port_that_is_taken_is_told(folder: Path) -> None:
    with serving(folder) as (url, _):
        address = url.removeprefix("http://")
        other = folder / "other.yml"
        other.write_text(f"state_dir: other\n{CONFIG}")
        result = run("serve", "--config", other, "--web.listen-address", address)
    assert 1 == result.returncode
    assert f"error: cannot listen on {address}" in result.stderr


@pytest.mark.parametrize("address", ["10101", "localhost:port", ":70000"])
def test_a_wrong_listen_address_is_wrong_usage(folder: Path, address: str) -> None:
    result = run("serve", "--config", folder / "config.yml", "--web.listen-address", address)
    assert 2 == result.returncode
    assert repr(address) in result.stderr


def test_log_lines_are_json_where_wanted(folder: Path) -> None:
    (folder / "logs" / "a.ndjson").unlink()
    result = run("--log.format", "json", "once", "--config", folder / "config.yml")
    entry = json.loads(result.stderr.splitlines()[0])
    assert ("warning", "drift_exporter.feed") == (entry["level"], entry["logger"])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["show"], "one of the arguments --config --state-dir is required"),
        (["check", "--config", "c.yml", "--state-dir", "s"], "not allowed with argument --config"),
        (["reset", "--state-dir", "s"], "one of the arguments --model --all is required"),
        (["reset", "--state-dir", "s", "--all", "--model", "m"], "not allowed with argument --all"),
        (["show", "--state-dir", "s", "--shard", "1/2"], "--shard goes with --config"),
        (["show", "--config", "c.yml", "--shard", "3/2"], "'3/2' is not the number of a shard"),
        (["reset", "--all"], "one of the arguments --config --state-dir is required"),
        (["reset", "--state-dir", "s", "--all", "--keep-positions"], "--keep-positions goes with --model"),
        (["show", "--config", "nowhere.yml"], "nowhere.yml: no such file"),
    ],
)
def test_wrong_usage_of_state(tmp_path: Path, arguments: list[str], problem: str) -> None:
    result = run("state", *arguments, cwd=tmp_path)
    assert (2, "") == (result.returncode, result.stdout)
    assert problem in result.stderr
    assert [] == list(tmp_path.iterdir())


def test_the_state_of_a_shard(folder: Path) -> None:
    with serving(folder, "--shard", "1/1") as (url, _):
        until(lambda: metric(url, PREDICTIONS) == 100.0, what="the log is counted")
    config = ["--config", folder / "config.yml"]
    status, output, errors = forked("state", "check", *config)
    assert (1, "") == (status, output)
    assert "there is shard-1-of-1; name one of the shards as --shard" in errors
    status, output, _ = forked("state", "check", *config, "--shard", "1/1")
    assert 0 == status
    assert "shard-1-of-1/state.sqlite: fine: 1 model, " in output


@pytest.mark.parametrize("action", [["show"], ["check"], ["reset", "--all"], ["reset", "--model", "m"]])
def test_no_state_is_an_error(tmp_path: Path, action: list[str]) -> None:
    result = run("state", *action, "--state-dir", tmp_path)
    assert (1, "") == (result.returncode, result.stdout)
    assert f"error: there is no state in {tmp_path} " in result.stderr
    assert [] == list(tmp_path.iterdir())


def test_state_while_serve_runs_and_after(folder: Path) -> None:
    config = ["--config", folder / "config.yml"]
    state = folder / "drift-exporter-state"
    fine = f"{state}/state.sqlite: fine: 1 model, 1 version, 0 slices, 1 file\n"
    with serving(folder) as (url, process):
        until(lambda: metric(url, PREDICTIONS) == 100.0, what="the log is counted")
        shown = run("state", "show", "--json", *config)
        assert (0, "") == (shown.returncode, shown.stderr)
        (model,) = json.loads(shown.stdout)["models"]
        assert ("fraud", 100, True) == (model["model"], model["records"], model["configured"])
        assert (0, fine, "") == forked("state", "check", *config)
        status, output, errors = forked("state", "reset", "--all", *config)
        assert (1, "") == (status, output)
        assert f"in use by another drift-exporter (process {process.pid}); stop that one" in errors
    assert "model        fraud" in forked("state", "show", "--state-dir", state)[1]

    (state / "state.sqlite").write_bytes(b"garbage" * 1000)
    status, output, errors = forked("state", "check", *config)
    assert (1, "") == (status, output)
    assert f"error: {state}/state.sqlite: file is not a database; restore a backup, or" in errors
    status, output, errors = forked("state", "show", *config)
    assert (1, "") == (status, output)
    assert "is damaged (file is not a database)" in errors
    status, output, errors = forked("state", "reset", "--all", *config)
    assert (0, "") == (status, errors)
    assert output.startswith(f"The state was moved to {state}/state.sqlite.2")
    with serving(folder) as (url, _):
        until(lambda: metric(url, PREDICTIONS) == 100.0, what="the log is counted anew")
    assert fine == forked("state", "check", *config)[1]


def test_settings_of_libraries_are_those_of_the_environment_where_it_has_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    monkeypatch.delenv("DUCKDB_JE_MALLOC_CONF", raising=False)
    assert 2 == main([])
    assert "7" == os.environ["OPENBLAS_NUM_THREADS"]
    assert "dirty_decay_ms" in os.environ["DUCKDB_JE_MALLOC_CONF"]
