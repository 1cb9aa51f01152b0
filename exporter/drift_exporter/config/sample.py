"""The first records of logs, as a sample to infer a configuration from."""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drift_exporter.config.sources import FileFormat, format_of
from drift_exporter.errors import DecodeError, SourceError
from drift_exporter.sources.rotation import is_compressed

if TYPE_CHECKING:
    import duckdb

Record = dict[str, Any]
_SEPARATORS = ",;\t|"
_LONGEST_LINE = 16 << 20
# Stands between no two columns of any log: with it a line is read as one column.
_NO_SEPARATOR = "\x01"
# What a line of logfmt begins with.
_PAIR = re.compile(r'[\w.@/-]+=(?:"|[^\s"]*(?:\s|\Z))')


@dataclass(frozen=True)
class Sample:
    """Records with their format. ``skipped`` counts lines that are none."""

    format: FileFormat
    records: list[Record]
    skipped: int


def read_sample(inputs: Sequence[Path], most: int) -> Sample:
    """The first ``most`` records, an equal share from each file.

    Raises SourceError where a file cannot be read, DecodeError where no record can be found or the files are
    of several formats.
    """
    if not inputs:
        raise SourceError("no input file is named; name at least one log")
    samples = [_read_file(path, -(-most // len(inputs))) for path in inputs]
    formats = sorted({sample.format for sample in samples})
    if len(formats) > 1:
        raise DecodeError(f"the input files are {' and '.join(formats)}; give files of one format")
    records = [record for sample in samples for record in sample.records]
    return Sample(samples[0].format, records, sum(sample.skipped for sample in samples))


def _read_file(path: Path, most: int) -> Sample:
    import duckdb  # noqa: PLC0415 (a heavy import, for this verb only)

    try:
        with path.open("rb") as file:
            is_parquet = file.read(4) == b"PAR1"
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}; check the path") from None
    connection = duckdb.connect()
    try:
        if is_parquet or format_of(path.name) == "parquet":
            sample = Sample("parquet", _parquet(connection, path, most), 0)
        else:
            sample = _text(path, _lines(connection, path, most + 1), most)
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise DecodeError(f"{path}: cannot be read: {reason}; check its name and content") from None
    except OSError as error:
        raise DecodeError(f"{path}: cannot be unpacked: {error.strerror or error}") from None
    finally:
        connection.close()
    if not sample.records:
        what = "there must be one record below a header"
        if sample.format != "csv":
            what = (
                "there must be one object a line in NDJSON, an array of objects, or key=value; "
                "for other lines of text write a configuration with format: text and a pattern"
            )
        raise DecodeError(f"{path}: holds no record; {what}")
    return sample


def _parquet(connection: "duckdb.DuckDBPyConnection", path: Path, most: int) -> list[Record]:
    with ExitStack() as stack:
        name = str(path)
        if is_compressed(name):
            from drift_exporter.sources.unpacked import UnpackedFile  # noqa: PLC0415

            with path.open("rb") as raw:
                name = stack.enter_context(closing(UnpackedFile(name, raw))).path
        result = connection.execute("SELECT * FROM read_parquet(?) LIMIT ?", [name, most])
        names = [str(column[0]) for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _lines(connection: "duckdb.DuckDBPyConnection", path: Path, most: int) -> list[str]:
    compression = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix.lower(), "none")
    options = {
        "columns": "{'line': 'VARCHAR'}",
        "auto_detect": "false",
        "header": "false",
        "delim": f"'{_NO_SEPARATOR}'",
        "quote": "''",
        "escape": "''",
        "strict_mode": "false",
        "ignore_errors": "true",
        "max_line_size": str(_LONGEST_LINE),
        "buffer_size": str(2 * _LONGEST_LINE),
        "compression": f"'{compression}'",
        "parallel": "false",
    }
    arguments = ", ".join(f"{name} = {value}" for name, value in options.items())
    query = f"SELECT line FROM read_csv(?, {arguments}) LIMIT ?"  # noqa: S608 (all of it is written above)
    rows = connection.execute(query, [str(path), most]).fetchall()
    return [str(row[0]).removeprefix("\ufeff") for row in rows if row[0] is not None]


def _text(path: Path, lines: list[str], most: int) -> Sample:
    known = format_of(path.name)
    objects = [_object(line) for line in lines[:most]] if known == "ndjson" else []
    records = [record for record in objects if record]
    first = next((line.strip() for line in lines if line.strip()), "")
    if known == "ndjson" and (first[:1] == "[" or (first[:1] == "{" and 2 * len(records) < len(objects))):
        found = _json(path, most)
        if len(found.records) > len(records):
            return found
    if known == "logfmt" or (not records and _PAIR.match(first)):
        return _logfmt(lines[:most])
    # A name such as predictions.log tells nothing: then a header with separators tells CSV.
    if known == "csv" or (not records and first[:1] not in "{[" and any(s in first for s in _SEPARATORS)):
        rows = list(_csv_rows(lines))
        records = [row for row in rows if row is not None]
        return Sample("csv", records, len(rows) - len(records))
    return Sample("ndjson", records, sum(record is None for record in objects))


def _json(path: Path, most: int) -> Sample:
    """Records of a JSON array, or of objects that take several lines."""
    from drift_exporter.sources.jsonrecords import as_lines  # noqa: PLC0415 (it needs numpy)

    data = _beginning(path).removeprefix(b"\xef\xbb\xbf")
    found = as_lines(str(path), 0, data, _LONGEST_LINE, ended=False)
    objects = [_object(line.decode(errors="replace")) for line in found.text.split(b"\n")[:most]]
    records = [record for record in objects if record]
    return Sample("json", records, sum(record is None for record in objects) + len(found.rejections))


def _beginning(path: Path) -> bytes:
    """As much of the content as a line may have at most; of a damaged file what can be had of that."""
    from drift_exporter.sources.compressed import CorruptArchiveError, parts  # noqa: PLC0415

    with path.open("rb") as file:
        if not is_compressed(str(path)):
            return file.read(_LONGEST_LINE)
        pieces: list[bytes] = []
        try:
            for part in parts(str(path), file):
                pieces.append(part)
                if sum(map(len, pieces)) >= _LONGEST_LINE:
                    break
        except CorruptArchiveError:
            pass
        return b"".join(pieces)


def _logfmt(lines: list[str]) -> Sample:
    from drift_exporter.decode.logfmt_text import as_ndjson  # noqa: PLC0415 (it needs numpy)

    written, wrong = as_ndjson("\n".join(lines).encode())
    objects = [_object(line.decode()) for line in written.split(b"\n")]
    records = [record for record in objects if record]
    return Sample("logfmt", records, sum(record is None for record in objects) + len(wrong))


def _object(line: str) -> Record | None:
    if not line.strip():
        return {}
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _csv_rows(lines: list[str]) -> Iterator[Record | None]:
    """Rows below the header; None for one that does not fit it."""
    if not lines:
        return
    separator = max(_SEPARATORS, key=lines[0].count)
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=separator)
    try:
        header = next(reader)
        for row in reader:
            yield dict(zip(header, row, strict=True)) if len(row) == len(header) else None
    except csv.Error:
        yield None
