"""URLs of objects, and what stands beside them."""

from pathlib import Path

import pytest

from drift_exporter.config import load_config
from drift_exporter.config.sources import ObjectsSource
from drift_exporter.errors import ConfigurationError


def load(folder: Path, source: str) -> ObjectsSource:
    path = folder / "config.yml"
    path.write_text(
        "models:\n- name: fraud\n  task: binary\n  predictions:\n"
        f"    source: {{type: objects, {source}}}\n    fields: {{timestamp: ts}}\n"
    )
    found = load_config(path).models[0].predictions.source
    assert isinstance(found, ObjectsSource)
    return found


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("s3://bucket/**/*.csv.gz", "csv"),
        ("gs://bucket/a.pq", "parquet"),
        ("az://container/logs/*", "ndjson"),
        ("https://host:8443/logs/[ab]?.parquet.zst", "parquet"),
    ],
)
def test_the_format_is_told_by_the_name(tmp_path: Path, url: str, kind: str) -> None:
    assert (url, kind) == (load(tmp_path, f'url: "{url}"').url, load(tmp_path, f'url: "{url}"').decoded_as)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "ftp://host/a.ndjson",
            '"ftp://host/a.ndjson" is no URL of objects; one of: s3://, gs://, az://, http://, https://',
        ),
        (
            "https://user:pass@host/a",
            '"https://<secret>@host/a" holds credentials; remove them, and name files that hold them as',
        ),
        ("https://*.host/a", "does not name one server; write it without wildcards: https://server/..."),
    ],
)
def test_other_urls_are_refused(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, f'url: "{url}"')
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("written", "start"),
    [
        ("2026-01-01", 1_767_225_600.0),
        ("2026-01-01T01:00:00+01:00", 1_767_225_600.0),
        ("2026-01-01T00:00:00Z", 1_767_225_600.0),
    ],
)
def test_a_start_is_a_date_or_a_time(tmp_path: Path, written: str, start: float) -> None:
    found = load(tmp_path, f"url: s3://bucket/a, start: {written}")
    assert start == found.start
    assert "2026-01-01T00:00:00Z" == found.model_dump(mode="json")["start"]


def test_files_of_credentials_are_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    found = load(tmp_path, "url: gs://bucket/a, options: {token: anon}, credentials: {x.y: secret}")
    assert {"x.y": tmp_path / "secret"} == dict(found.credentials)
    assert {"token": "anon"} == dict(found.options)
