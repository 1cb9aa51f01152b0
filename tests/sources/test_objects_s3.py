"""Objects of a real S3 server on loopback."""

import gzip
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.objects import ObjectWatch
from support.s3 import S3, SECRET
from support.tailing import line


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with S3() as server:
        yield server


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    return path


def watching(s3: S3, pattern: str, secret: Path, **options: Any) -> ObjectWatch:  # noqa: ANN401
    usual = {"options": s3.options, "credentials": {"secret": secret}}
    return ObjectWatch(f"s3://{s3.bucket}/{pattern}", **usual | options)


def lines(*numbers: int) -> bytes:
    return b"".join(map(line, numbers))


def test_new_objects_are_read_once_and_late_ones_found(s3: S3, secret: Path) -> None:
    s3.put("logs/2.ndjson", lines(*range(10)))
    s3.put("logs/deep/er/3.ndjson.gz", gzip.compress(lines(*range(10, 20))))
    s3.put("logs/other.txt", lines(99))
    s3.put("logsbeside/4.ndjson", lines(98))
    watch = watching(s3, "logs/**/*.ndjson*", secret)
    assert list(range(20)) == sorted(watch.look())
    assert [] == watch.look()
    s3.put("logs/1.ndjson", lines(20, 21))
    assert [20, 21] == watch.look()
    watch.restart(save=True)
    assert [] == watch.look()
    assert None is watch.source.problem
    watch.close()


def test_what_is_wrong_is_told_and_gets_right_again(s3: S3, secret: Path) -> None:
    s3.put("away/1.ndjson", lines(1))
    watch = watching(s3, "away/*.ndjson", secret)
    assert [1] == watch.look()
    s3.stop()
    watch.now += 60
    watch.until(lambda: watch.source.problem)
    assert f"s3://{s3.bucket}/away/*.ndjson: cannot be reached (" in watch.source.problem
    s3.start()
    s3.put("away/2.ndjson", lines(2))
    watch.now += 60
    assert [2] == watch.until(lambda: watch.source.problem is None and not watch.source.under_way)
    watch.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://no-such-bucket/*.ndjson", "s3://no-such-bucket/*.ndjson: not found ("),
        ("s3://no-such-bucket/a.ndjson", "no object matches s3://no-such-bucket/a.ndjson"),
    ],
)
def test_a_bucket_that_is_not_there(s3: S3, secret: Path, url: str, said: str) -> None:
    watch = ObjectWatch(url, options=s3.options, credentials={"secret": secret})
    watch.until(lambda: watch.source.problem)
    assert said in watch.source.problem
    watch.close()


def test_threads_and_connections_end_with_the_source(s3: S3, secret: Path) -> None:
    s3.put("end/1.ndjson", lines(1))
    before = set(threading.enumerate())
    watch = watching(s3, "end/*", secret)
    watch.look()
    watch.close()
    # The server has a thread for each connection.
    assert set() == {thread for thread in threading.enumerate() if "request" not in thread.name} - before
