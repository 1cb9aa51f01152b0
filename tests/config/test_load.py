import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drift_exporter.config import Config, Window, load_config, masked_dump
from drift_exporter.errors import ConfigurationError

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad").glob("*.yml"))
GOOD = sorted((HERE / "good").glob("*.yml"))
FOREIGN = ("pydantic", "validation", "Section", "FileSource", "HttpSource", "NoneType", "Traceback", "yaml.")


def test_there_are_bad_files_and_each_has_its_message() -> None:
    assert len(BAD) >= 40
    assert {path.stem for path in BAD} == {path.stem for path in (HERE / "bad").glob("*.txt")}


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_file_has_exactly_its_message(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    with pytest.raises(ConfigurationError) as caught:
        load_config(path.name)
    assert path.with_suffix(".txt").read_text(encoding="utf-8") == f"{caught.value}\n"
    said = str(caught.value).replace("https://<secret>@logs.example", "")
    said = said.replace("http://<secret>@registry:8081", "")
    assert [word for word in FOREIGN if word in said] == []


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_every_line_of_a_message_says_where_and_what_would_be_right(path: Path) -> None:
    for line in path.with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        assert line.startswith(f"{path.name}:")
        assert "; " in line


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_file_loads_and_its_dump_loads_as_the_same(path: Path, tmp_path: Path) -> None:
    config = load_config(path)
    dumped = tmp_path / "dumped.yml"
    dumped.write_text(masked_dump(config), encoding="utf-8")
    assert config == load_config(dumped)


def test_defaults(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text((HERE / "good" / "minimal.yml").read_text(encoding="utf-8"), encoding="utf-8")
    config = load_config(str(file))
    assert (15.0, tmp_path / "drift-exporter-state") == (config.evaluation_interval, config.state_dir)
    assert tmp_path / "drift-exporter-state" / "dead-letter" == config.dead_letter
    assert (Window("1h", 3600), Window("24h", 86400), Window("7d", 604800)) == config.windows
    limits = config.limits
    assert (limits.series, limits.models, limits.categories) == (50_000, 100, 50)
    assert (limits.line, limits.memory, limits.dead_letter) == (2**20, 512 * 2**20, 100 * 2**20)
    model = config.models[0]
    assert (
        model.team,
        model.impact,
        model.reference,
        model.columns,
        model.labels,
    ) == ("", "low", None, {}, None)
    assert (str(tmp_path / "logs/*.ndjson"), "ndjson") == (
        model.predictions.source.path,
        model.predictions.source.format,
    )


def test_complete_file() -> None:
    config = load_config(HERE / "good" / "complete.yml")
    model = config.models[0]
    assert Path("/var/log/drift-exporter/rejected") == config.dead_letter
    assert (model.name, model.team, model.impact, model.task) == ("fraud", "risk-ml", "high", "binary")
    assert model.reference == HERE / "good" / "references" / "fraud.json"
    assert model.reference == model.reference_file("any version")
    fields = model.predictions.fields
    assert (
        fields.timestamp,
        fields.id,
        fields.version,
        fields.prediction,
    ) == ("ts", "request_id", "version", "prediction")
    assert fields.latency is not None
    assert (fields.latency.field, fields.latency.unit, fields.latency.scale) == ("latency_ms", "ms", 1e-3)
    assert fields.features == "features.*"
    assert (model.columns["amount"].tolerance, model.columns["amount"].type) == (0.1, "numeric")
    assert model.columns["country"].tolerance == 0.05
    assert model.labels is not None
    assert model.labels.max_delay == 14 * 86400


def test_anchors_merges_and_keys_that_are_numbers() -> None:
    first, second = load_config(HERE / "good" / "anchors.yml").models
    assert (first.name, second.name) == ("ads-eu", "ads-us")
    assert (second.team, second.task) == ("growth", "ranking")
    assert (first.predictions.source.format, second.predictions.source.format) == ("csv", "parquet")
    assert first.predictions.fields == second.predictions.fields
    assert first.predictions.fields.features == {"no": "features.no", "a": "x\\.y"}
    assert isinstance(first.reference, Mapping)
    assert list(first.reference) == ["1", "1.10", "2024-01-01"]
    assert first.reference_file("1.10") == HERE / "good" / "references" / "ads-2.json"
    assert first.reference_file("1.1") is None
    assert (first.columns["no"].tolerance, first.columns["score"].tolerance) == (0.01, 1.0)


def test_latency_as_text_is_in_seconds() -> None:
    latency = load_config(HERE / "good" / "anchors.yml").models[0].predictions.fields.latency
    assert latency is not None
    assert (latency.field, latency.scale) == ("seconds", 1.0)


def test_configuration_is_immutable() -> None:
    config = load_config(HERE / "good" / "minimal.yml")
    with pytest.raises(ValueError, match="frozen"):
        config.evaluation_interval = 3.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("logs/*.ndjson", "ndjson"),
        ("logs/*.jsonl.gz", "ndjson"),
        ("logs/*", "ndjson"),
        ("log.CSV", "csv"),
        ("log.csv.zst", "csv"),
        ("part-*.parquet", "parquet"),
        ("part.pq", "parquet"),
    ],
)
def test_format_by_name(name: str, expected: str, tmp_path: Path) -> None:
    text = (HERE / "good" / "minimal.yml").read_text(encoding="utf-8").replace("logs/*.ndjson", f'"{name}"')
    (tmp_path / "config.yml").write_text(text, encoding="utf-8")
    assert expected == load_config(tmp_path / "config.yml").models[0].predictions.source.format


def test_brackets_in_the_folders_name_are_not_part_of_the_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "team[a]"
    (folder / "logs").mkdir(parents=True)
    (folder / "logs" / "one.ndjson").touch()
    file = folder / "config.yml"
    file.write_bytes((HERE / "good" / "minimal.yml").read_bytes())
    pattern = load_config(file).models[0].predictions.source.path
    assert [folder / "logs" / "one.ndjson"] == list(Path("/").glob(pattern[1:]))


def test_paths_are_relative_to_the_link_not_to_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "config.yml").write_bytes((HERE / "good" / "minimal.yml").read_bytes())
    (tmp_path / "config.yml").symlink_to(tmp_path / "data" / "config.yml")
    assert tmp_path / "drift-exporter-state" == load_config(tmp_path / "config.yml").state_dir


def test_file_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_config(tmp_path / "config.yml")
    assert f"{tmp_path}/config.yml: no such file; check the path" == str(caught.value)


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_config(tmp_path)
    assert f"{tmp_path}: is a folder; name the file in it" == str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.touch(mode=0)
    with pytest.raises(ConfigurationError) as caught:
        load_config(file)
    assert f"{file}: cannot be read: Permission denied; check its permissions" == str(caught.value)


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "config.yml/config.yml"])
def test_file_that_cannot_exist(name: str, tmp_path: Path) -> None:
    (tmp_path / "config.yml").touch()
    with pytest.raises(ConfigurationError) as caught:
        load_config(tmp_path / name)
    assert "cannot be read: " in str(caught.value)


def _loads(path: Path, text: str | bytes) -> Config | None:
    path.write_bytes(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
    said = ""
    try:
        return load_config(path)
    except ConfigurationError as error:
        said = str(error)
    assert said
    for line in said.split("\n"):
        assert line.startswith(f"{path}:")
        assert "pydantic" not in line
        assert "; " in line
    return None


fuzz = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzz
@given(st.text(max_size=80) | st.text(alphabet="[]{}&*!|>%@,:-? \n\t'\"#ab01.~<=", max_size=40))
def test_any_text_loads_or_is_refused(tmp_path: Path, text: str) -> None:
    assert _loads(tmp_path / "config.yml", text) is None


@fuzz
@given(st.binary(max_size=60))
def test_any_bytes_are_refused(tmp_path: Path, text: bytes) -> None:
    assert _loads(tmp_path / "config.yml", text) is None


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1h", "7d", "1MiB", "file", "features.*", "fraud", "numeric", "binary", "high", ""])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
COMPLETE = yaml.safe_load((HERE / "good" / "complete.yml").read_text(encoding="utf-8"))


def _places(data: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [at, *(place for key, value in inner for place in _places(value, (*at, key)))]


def _with(data: Any, place: tuple[Any, ...], value: Any) -> Any:  # noqa: ANN401
    if not place:
        return value
    if isinstance(data, dict):
        return {k: _with(v, place[1:], value) if k == place[0] else v for k, v in data.items()}
    return [_with(v, place[1:], value) if k == place[0] else v for k, v in enumerate(data)]


@fuzz
@given(st.sampled_from(_places(COMPLETE)), VALUES)
def test_any_value_anywhere_loads_or_is_refused(tmp_path: Path, place: tuple[Any, ...], value: Any) -> None:  # noqa: ANN401
    text = yaml.safe_dump(_with(COMPLETE, place, value), allow_unicode=True)
    config = _loads(tmp_path / "config.yml", text)
    if config is not None:
        (tmp_path / "again.yml").write_text(masked_dump(config), encoding="utf-8")
        assert config == load_config(tmp_path / "again.yml")


@fuzz
@given(st.sampled_from(_places(COMPLETE)[1:]), st.text(min_size=1, max_size=8))
def test_an_unknown_key_anywhere_is_refused(tmp_path: Path, place: tuple[Any, ...], key: str) -> None:
    at = (*place[:-1], f"x-{key}")
    if isinstance(place[-1], int) or place[-2:-1] in {("columns",), ("parameters",)}:
        return
    parent = COMPLETE
    for part in at[:-1]:
        parent = parent[part]
    changed = _with(COMPLETE, at[:-1], {**parent, at[-1]: "1h"})
    assert _loads(tmp_path / "config.yml", yaml.safe_dump(changed, allow_unicode=True)) is None
