"""Which packages a store takes, and where its secrets come from."""

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from drift_exporter.config import load_config
from drift_exporter.errors import SourceError
from drift_exporter.setting_up import make_model
from drift_exporter.sources.objects.access import NEEDED, connect, disconnect, require
from support.objects import ObjectWatch


def connected(url: str, options: dict[str, Any], credentials: dict[str, Path]) -> Any:  # noqa: ANN401
    """The file system, closed again."""

    async def work() -> Any:  # noqa: ANN401
        system = connect(url, options, credentials, asyncio.get_running_loop())
        await disconnect(system)
        return system

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("url", "missing", "extra"),
    [
        ("s3://bucket/x", "s3fs", "s3"),
        ("gs://bucket/x", "gcsfs", "gs"),
        ("az://container/x", "adlfs", "az"),
        ("https://host/x", "aiohttp", "http-objects"),
        ("http://host/x", "fsspec", "http-objects"),
    ],
)
def test_what_is_not_installed_is_named_with_what_brings_it(
    url: str, missing: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(SourceError) as caught:
        require(url)
    assert f"{url}: {missing} is not installed; pip install 'drift-exporter[{extra}]'" == str(caught.value)


def test_a_model_whose_source_lacks_a_package_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yml").write_text(
        "models:\n- name: fraud\n  task: binary\n  predictions:\n"
        "    source: {type: objects, url: 's3://bucket/*.ndjson'}\n    fields: {timestamp: ts}\n"
    )
    config = load_config(tmp_path / "config.yml")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(SourceError, match="fsspec and s3fs is not installed"):
        make_model(config.models[0], config)


def test_every_scheme_leads_to_a_file_system() -> None:
    from fsspec.registry import known_implementations  # noqa: PLC0415  # as the source does

    for scheme, (modules, _) in NEEDED.items():
        module = known_implementations[scheme]["class"].split(".")[0]
        assert module in {*modules, "fsspec"}


def test_secrets_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("the key\n")
    (tmp_path / "token").write_text('{"project": "p"}')
    options = {"client_kwargs": {"region_name": "eu-central-1"}}
    files = {"key": tmp_path / "key", "client_kwargs.aws_session_token": tmp_path / "token"}
    system = connected("s3://bucket/x", options, files)
    assert "the key" == system.key
    assert {"region_name": "eu-central-1", "aws_session_token": {"project": "p"}} == system.client_kwargs
    assert {"client_kwargs": {"region_name": "eu-central-1"}} == options


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "credentials key: {path}: No such file or directory; name a readable file"),
        (b"\xff", "credentials key: {path}: it is not text; name a readable file"),
        (b"{a", "credentials key: {path} begins as JSON and is none: "),
    ],
)
def test_secrets_that_cannot_be_read_are_told(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    watch = ObjectWatch("s3://bucket/*", credentials={"key": path})
    watch.until(lambda: watch.source.problem)
    assert f"s3://bucket/*: {said.format(path=path)}" in str(watch.source.problem)
    watch.close()


def test_options_that_are_unknown_are_told() -> None:
    watch = ObjectWatch("s3://bucket/*", options={"no_such_option": 1})
    watch.until(lambda: watch.source.problem)
    assert "no_such_option" in str(watch.source.problem)
    watch.close()
