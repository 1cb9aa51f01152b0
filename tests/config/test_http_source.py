from pathlib import Path

from drift_exporter.config import load_config, masked_dump
from drift_exporter.config.sources import HttpSource

GOOD = Path(__file__).parent / "good" / "http.yml"


def source(index: int) -> HttpSource:
    section = load_config(GOOD).models[index].predictions.source
    assert isinstance(section, HttpSource)
    return section


def test_everything_is_as_written() -> None:
    section = source(0)
    assert section.cursor is not None
    assert ("after", "paging.next", "0") == (
        section.cursor.parameter,
        section.cursor.field,
        section.cursor.start,
    )
    assert {"limit": "1000", "order": "ascending"} == section.parameters
    assert (60.0, 5.0, 64 << 20) == (section.interval, section.timeout, section.page)
    assert {"X-Session": GOOD.parent / "session.txt"} == section.header_files
    assert ("cdn.example", "127.0.0.1:8080") == section.hosts


def test_the_format_is_told_by_the_path_and_decides_how_chunks_are_decoded() -> None:
    assert [("json", "ndjson"), ("csv", "csv"), ("ndjson", "ndjson")] == [
        (source(index).format, source(index).decoded_as) for index in range(3)
    ]


def test_a_relation_can_be_written_in_short() -> None:
    link = source(1).link
    assert link is not None
    assert ("next", None) == (link.relation, link.field)


def test_the_configuration_page_tells_no_parameter_that_is_a_secret(tmp_path: Path) -> None:
    text = GOOD.read_text(encoding="utf-8").replace("order: ascending", "api_key: hunter2")
    (tmp_path / "config.yml").write_text(text, encoding="utf-8")
    assert "hunter2" not in masked_dump(load_config(tmp_path / "config.yml"))
