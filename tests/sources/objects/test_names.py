"""Patterns of objects mean what patterns of files mean."""

import glob
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_exporter.sources.objects.names import NamePattern, object_shard

FILES = [
    "a.ndjson",
    "b.ndjson",
    "ab.csv",
    ".hidden.ndjson",
    "d/a.ndjson",
    "d/e/a.ndjson",
    "d/e/f/b.csv",
    ".d/a.ndjson",
    "d/.e/a.ndjson",
    "d-1/a[1].ndjson",
    "d-1/-",
    "d-1/^",
    "]/a",
]
PARTS = (
    st.lists(
        st.sampled_from(
            ["a", "b", "d", "e", "*", "?", "[ab]", "[!a]", "[a-e]", "[]]", "[[]", "[^-]", ".", "-", "["]
        ),
        min_size=1,
        max_size=4,
    )
    .map("".join)
    .filter(lambda part: part.strip("."))
)
PATTERNS = st.lists(st.one_of(PARTS, st.just("**"), st.just("*.ndjson")), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@settings(max_examples=500)
@given(parts=PATTERNS)
def test_a_pattern_matches_the_files_that_glob_finds(tree: Path, parts: list[str]) -> None:
    pattern = "/".join(parts)
    found = glob.glob(pattern, root_dir=tree, recursive=True)  # noqa: PTH207  # what is compared with
    # It takes a file for a folder, too, where nothing has to be in that.
    expected = {os.path.normpath(name) for name in found if (tree / name).is_file() and name[-1] != "/"}
    assert (pattern, expected) == (pattern, set(filter(NamePattern(pattern).matches, FILES)))


@pytest.mark.parametrize(
    ("pattern", "folder", "stem", "depth"),
    [
        ("bucket/logs/*.ndjson", "bucket/logs", "", 1),
        ("bucket/logs/app-*.ndjson", "bucket/logs", "app-", 1),
        ("bucket/*/2026-?/x.csv", "bucket", "", 3),
        ("bucket/**/x", "bucket", "", None),
        ("bucket/logs/x.csv", "bucket/logs", "x.csv", 1),
    ],
)
def test_only_what_may_match_is_listed(pattern: str, folder: str, stem: str, depth: int | None) -> None:
    found = NamePattern(pattern)
    assert (folder, stem, depth) == (found.folder, found.stem, found.depth)


def test_a_range_that_is_none_stands_for_itself() -> None:
    assert NamePattern("a/[z-a]").matches("a/[z-a]")


def test_shards_are_even() -> None:
    found = [object_shard(f"s3://bucket/app-{number}.ndjson", 4) for number in range(4000)]
    assert all(900 < found.count(shard) < 1100 for shard in range(4))
