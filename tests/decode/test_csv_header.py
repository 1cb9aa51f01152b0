import pytest

from drift_exporter.decode.csv import CsvDecoder
from drift_exporter.decode.plan import Plan
from drift_exporter.errors import DecodeError
from drift_exporter.sources.chunk import Chunk
from drift_exporter.sources.csvrecords import shape_of

ROWS = b"1767323045,2\n1767323046,3\n"
PLAN = Plan(timestamp=("ts",))
LIMIT = 2048


def chunk(header: bytes) -> Chunk:
    return Chunk("log.csv", "csv", len(header), ROWS, header=header, size=len(ROWS))


@pytest.mark.parametrize("header", [b'"ts,amount\n', b'ts,"amount\n', b'"ts"x,amount\n', b'ts,"amount""\n'])
def test_a_header_that_swallows_what_follows_is_refused(header: bytes) -> None:
    decoder = CsvDecoder(PLAN, LIMIT)
    with pytest.raises(DecodeError, match=r"log\.csv: in the CSV header a quote is not closed") as error:
        decoder.decode(chunk(header))
    decoder.close()
    assert "close it in the same line" in str(error.value)


@pytest.mark.parametrize(
    "header",
    [
        b"ts,amount\n",
        b'"ts","amount"\r\n',
        b'\xef\xbb\xbf"ts",amount\n',
        b'ts,a"b\n',
        b'ts,"a, ""b"""\n',
        b'ts, "a"\n',
    ],
)
def test_quotes_in_their_place_are_fine(header: bytes) -> None:
    decoder = CsvDecoder(PLAN, LIMIT)
    assert 2 == decoder.decode(chunk(header)).rows
    decoder.close()


@pytest.mark.parametrize(
    ("line", "expected"), [(b"1,2\n", True), (b"1,2", True), (b"1\n", False), (b'"1,2\n', False)]
)
def test_a_line_is_a_record_of_a_shape(line: bytes, *, expected: bool) -> None:
    assert expected is shape_of(b"ts,amount\n", LIMIT).is_record(line)
