"""Files that people edit: what becomes of each, and what the manifest knows."""

from pathlib import Path

import pytest

from drift_exporter.bundle.files import (
    MANIFEST,
    Manifest,
    Standing,
    decide,
    difference,
    fingerprint,
    left_over,
    read_manifest,
    write,
    write_manifest,
)
from drift_exporter.errors import BundleError

OLD, NEW, OWN = b"old\n", b"new\n", b"own\n"


@pytest.mark.parametrize(
    ("there", "known", "new", "standings"),
    [
        (None, None, NEW, (Standing.NEW, Standing.NEW)),
        (NEW, None, NEW, (Standing.SAME, Standing.SAME)),
        (NEW, OLD, NEW, (Standing.SAME, Standing.SAME)),
        (OLD, OLD, NEW, (Standing.UPDATED, Standing.UPDATED)),
        (OWN, OLD, OLD, (Standing.EDITED, Standing.OVERWRITTEN)),
        (OWN, OLD, NEW, (Standing.BEHIND, Standing.OVERWRITTEN)),
        (OWN, None, NEW, (Standing.BEHIND, Standing.OVERWRITTEN)),
        (None, OLD, NEW, (Standing.DELETED, Standing.NEW)),
    ],
)
def test_what_becomes_of_a_file(
    tmp_path: Path,
    there: bytes | None,
    known: bytes | None,
    new: bytes,
    standings: tuple[Standing, Standing],
) -> None:
    expected, forced = standings
    if there is not None:
        (tmp_path / "a").write_bytes(there)
    manifest = Manifest({} if known is None else {"a": fingerprint(known)})
    found = decide(tmp_path, "a", new, manifest, force=False)
    assert found.standing is expected
    assert decide(tmp_path, "a", new, manifest, force=True).standing is forced
    kept = {Standing.EDITED, Standing.BEHIND, Standing.DELETED}
    assert found.effective == (there if expected in kept else new)


def test_the_diff_is_from_what_is_there_to_what_belongs_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\ntwo")
    found = decide(tmp_path, "a", b"one\nthree\n", Manifest(), force=False)
    assert "".join(difference(found)) == (
        "--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n one\n-two\n\\ No newline at end of file\n+three\n"
    )


def test_a_file_that_is_no_text_is_told_without_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff")
    found = decide(tmp_path, "a", b"\xfe", Manifest(), force=False)
    assert list(difference(found)) == ["Binary files a/a and b/a differ\n"]


def test_what_does_not_belong_any_more_is_known_until_it_is_gone(tmp_path: Path) -> None:
    manifest = Manifest({"a": "1", "b": "2", "c": "3"})
    (tmp_path / "b").touch()
    assert left_over(tmp_path, {"a"}, manifest) == ["b"]


def test_the_manifest_comes_back(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) == Manifest()
    manifest = Manifest({"b": "2", "a": "1"}, {"grafana": "http://g"})
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format": 1, "files": []}', '{"format": 1, "files": {}}']
)
def test_a_damaged_manifest_is_told_with_the_way_out(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(BundleError, match=r"\.bundle\.json: is damaged .*restore it, or delete it"):
        read_manifest(tmp_path)


def test_a_manifest_of_a_later_version_is_told(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text('{"format": 2}')
    with pytest.raises(BundleError, match="another version of drift-exporter"):
        read_manifest(tmp_path)


def test_a_file_is_written_as_a_whole(tmp_path: Path) -> None:
    write(tmp_path / "x" / "a", NEW)
    write(tmp_path / "x" / "a", OLD)
    assert [(p.name, p.read_bytes()) for p in (tmp_path / "x").iterdir()] == [("a", OLD)]
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write(tmp_path / "folder", NEW)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "x"]
