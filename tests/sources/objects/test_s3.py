"""Objects of a real S3 server on loopback."""

import gzip
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from moto.s3.responses import S3Response

from support.objects import ObjectWatch
from support.s3 import KEY, S3, SECRET
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


def test_credentials_come_from_the_environment(
    s3: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    s3.put("environment/1.ndjson", lines(1))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    watch = ObjectWatch(f"s3://{s3.bucket}/environment/*")
    assert [1] == watch.look()
    watch.close()


def test_no_credentials_are_told(s3: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    watch = ObjectWatch(f"s3://{s3.bucket}/*", options={"endpoint_url": s3.url})
    watch.until(lambda: watch.source.problem)
    assert (
        "no credentials (Unable to locate credentials); give some by the environment" in watch.source.problem
    )
    watch.close()


def test_access_denied_is_told_and_loses_nothing(s3: S3, secret: Path) -> None:
    s3.put("denied/1.ndjson", lines(*range(10)))
    watch = watching(s3, "denied/*.ndjson", secret)
    watch.first()
    watch.restart(save=True)
    requests.post(f"{s3.url}/moto-api/reset-auth", data="0", timeout=10)
    try:
        for _ in range(3):
            watch.look()
            assert f"s3://{s3.bucket}/denied/*.ndjson: access denied (" in watch.source.problem
    finally:
        requests.post(f"{s3.url}/moto-api/reset-auth", data="inf", timeout=10)
    watch.settle()
    assert list(range(10)) == sorted(watch.counted)
    assert (None, 0) == (watch.source.problem, watch.source.lost_bytes)
    watch.close()


def test_a_listing_of_many_pages_is_read_whole(s3: S3, secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "7")
    for number in range(30):
        s3.put(f"pages/{number % 4}/{number}.ndjson", lines(number))
    watch = watching(s3, "pages/**/*.ndjson", secret)
    assert list(range(30)) == sorted(watch.look())
    watch.close()


def test_an_object_that_is_written_anew_while_it_is_read(s3: S3, secret: Path) -> None:
    s3.put("anew/1.ndjson", lines(*range(10)))
    watch = watching(s3, "anew/*", secret)
    watch.first()
    s3.put("anew/1.ndjson", lines(*range(20)))
    watch.save()
    watch.settle()
    assert list(range(20)) == sorted(watch.counted)
    # The same from where it was saved: of the old version there is nothing to be had any more.
    watch.restart()
    watch.settle()
    assert list(range(20)) == sorted(watch.counted)
    s3.put("anew/1.ndjson", lines(30, 31))
    watch.settle()
    assert [*range(20), 30, 31] == sorted(watch.counted)
    assert 0 == watch.source.lost_bytes
    watch.close()


def test_only_what_a_pattern_may_match_is_listed(
    s3: S3, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("part/app-1.ndjson", "part/deep/app-2.ndjson", "part/web-3.ndjson"):
        s3.put(name, lines(int(name[-8])))
    watch = watching(s3, "part/app-*.ndjson", secret)
    asked: list[str] = []
    respond = S3Response.list_objects_v2

    def note(self: S3Response, *arguments: Any) -> Any:  # noqa: ANN401
        asked.append(self.uri.partition("?")[2])
        return respond(self, *arguments)

    monkeypatch.setattr(S3Response, "list_objects_v2", note)
    assert [1] == watch.look()
    assert 1 == len(asked)
    assert {"prefix=part%2Fapp-", "delimiter=%2F"} <= set(asked[0].split("&"))
    watch.close()
