"""Requests to push with, and what they are answered."""

import gzip
import json

import zstandard

NDJSON = "application/x-ndjson"
STRUCTURED = "application/cloudevents+json"
LINE = b'{"ts": 1767323045, "prediction": "yes"}'
REQUEST_TYPE = "org.kubeflow.serving.inference.request"

BODIES: dict[str, tuple[bytes, dict[str, str]]] = {
    "two lines": (LINE + b"\n" + LINE + b"\n", {}),
    "no newline at the end": (LINE + b"\n" + LINE, {}),
    "blank lines, Windows line ends, a byte order mark": (
        b"\xef\xbb\xbf\r\n" + LINE + b"\r\n\n \n" + LINE + b"\r\n\r\n",
        {},
    ),
    "a charset": (LINE + b"\n" + LINE, {"Content_Type": 'application/x-ndjson; charset="UTF-8"'}),
    "another name of the type": (LINE + b"\n" + LINE, {"Content_Type": "application/jsonl"}),
    "an array": (b" [" + LINE + b",\n" + LINE + b"]\n", {"Content_Type": "application/json"}),
    "an array on many lines": (
        json.dumps([json.loads(LINE)] * 2, indent=2).encode(),
        {"Content_Type": "application/json"},
    ),
    "gzip": (gzip.compress(LINE + b"\n" + LINE), {"Content_Encoding": "gzip"}),
    "gzip by its old name": (gzip.compress(LINE + b"\n" + LINE), {"Content_Encoding": "x-gzip"}),
    "gzip in two parts": (
        gzip.compress(LINE + b"\n") + gzip.compress(LINE),
        {"Content_Encoding": "GZIP"},
    ),
    "zstd": (zstandard.compress(LINE + b"\n" + LINE), {"Content_Encoding": "zstd"}),
    "identity": (LINE + b"\n" + LINE, {"Content_Encoding": "identity"}),
}


CE = {"Ce_Id": "1", "Ce_Specversion": "1.0", "Ce_Type": REQUEST_TYPE}
REFUSED: dict[str, tuple[str, bytes, dict[str, str], int, str]] = {
    "nothing": ("fraud", b"", {}, 400, "the body is empty; send at least one record"),
    "blank lines": ("fraud", b"\n \r\n", {}, 400, "the body is empty"),
    "no gzip": ("fraud", LINE, {"Content_Encoding": "gzip"}, 400, "not whole gzip"),
    "half a gzip": ("fraud", gzip.compress(LINE)[:-9], {"Content_Encoding": "gzip"}, 400, "not whole gzip"),
    "half a zstd": ("fraud", b"\x28\xb5\x2f", {"Content_Encoding": "zstd"}, 400, "not whole zstd"),
    "zstd that lacks its last byte": (
        "fraud",
        zstandard.compress(LINE + b"\n") + zstandard.compress(LINE)[:-1],
        {"Content_Encoding": "zstd"},
        400,
        "not whole zstd, as Content-Encoding says: it ends within a frame",
    ),
    "no zstd": ("fraud", LINE, {"Content_Encoding": "zstd"}, 400, "not whole zstd"),
    "an empty array": ("fraud", b"[ ]", {"Content_Type": "application/json"}, 400, "the array is empty"),
    "no JSON": ("fraud", b'{"a"', {"Content_Type": "application/json"}, 400, "not JSON: .* at character 4"),
    "a number": ("fraud", b"5", {"Content_Type": "application/json"}, 400, "neither an object nor an array"),
    "half an array": ("fraud", b"[{}", {"Content_Type": "application/json"}, 400, "a comma or ] is missing"),
    "a comma too many": ("fraud", b"[{},]", {"Content_Type": "application/json"}, 400, "not JSON"),
    "lines as JSON": (
        "fraud",
        LINE + b"\n" + LINE,
        {"Content_Type": "application/json"},
        400,
        "lines of records are application/x-ndjson",
    ),
    "not UTF-8": ("fraud", b'{"a": "\xff"}', {"Content_Type": "application/json"}, 400, "not UTF-8: byte 7"),
    "deep": ("fraud", b"[" * 50_000, {"Content_Type": "application/json"}, 400, "too many levels"),
    "a long number": (
        "fraud",
        b"[" + b"1" * 5000 + b"]",
        {"Content_Type": "application/json"},
        400,
        "not readable JSON",
    ),
    "no token": (
        "locked",
        LINE,
        {},
        401,
        "the token is missing or wrong; send it as Authorization: Bearer TOKEN",
    ),
    "a wrong token": ("locked", LINE, {"Authorization": "Bearer s3cre"}, 401, "missing or wrong"),
    "another scheme": ("locked", LINE, {"Authorization": "Basic s3cret"}, 401, "missing or wrong"),
    "an empty token": ("blank", LINE, {"Authorization": "Bearer "}, 401, "missing or wrong"),
    "no token to compare with": (
        "unset",
        LINE,
        {"Authorization": "Bearer x"},
        503,
        "token to compare with cannot be read",
    ),
    "no such model": (
        "nobody",
        LINE,
        {},
        404,
        "no model 'nobody' takes predictions here; one whose source is of",
    ),
    "a model that reads a log": ("log", LINE, {}, 404, "no model 'log' takes predictions here"),
    "a path below": ("fraud/x", LINE, {}, 404, "no model 'fraud/x'"),
    "too large": (
        "fraud",
        b"x" * 65_537,
        {},
        413,
        "the body is over 65536 bytes; send less at a time, or raise request",
    ),
    "a bomb": (
        "fraud",
        gzip.compress(b" " * 10**7),
        {"Content_Encoding": "gzip"},
        413,
        "decompressed body is over 65536",
    ),
    "another bomb": (
        "fraud",
        zstandard.compress(b" " * 10**7),
        {"Content_Encoding": "zstd"},
        413,
        "decompressed body is over",
    ),
    "text": (
        "fraud",
        LINE,
        {"Content_Type": "text/plain"},
        415,
        "'text/plain' is not known here; one of: application/x-nd",
    ),
    "no type": ("fraud", LINE, {"Content_Type": ""}, 415, "'' is not known here"),
    "a charset": (
        "fraud",
        LINE,
        {"Content_Type": "application/json; charset=latin-1"},
        415,
        "charset 'latin-1'",
    ),
    "an encoding": (
        "fraud",
        LINE,
        {"Content_Encoding": "br"},
        415,
        "'br' is not known here; one of: gzip, zstd, or none",
    ),
    "two encodings": ("fraud", LINE, {"Content_Encoding": "gzip, gzip"}, 415, "not known here"),
    "an event for records": (
        "fraud",
        LINE,
        CE,
        415,
        "takes records as .*; CloudEvents are taken with events: all",
    ),
    "a structured event for records": ("fraud", LINE, {"Content_Type": STRUCTURED}, 415, "takes records as"),
    "records for events": (
        "events",
        LINE,
        {},
        415,
        "takes CloudEvents: .*; records are taken with events: none",
    ),
    "an event without id": (
        "events",
        b"{}",
        {"Ce_Type": REQUEST_TYPE},
        400,
        "the event has no id; one of at most 256",
    ),
    "an event with a long id": ("events", b"{}", CE | {"Ce_Id": "x" * 257}, 400, "an id of 257 characters"),
    "an event without type": ("events", b"{}", {"Ce_Id": "1"}, 400, "the type of the event is ''"),
    "an event of another type": (
        "events",
        b"{}",
        CE | {"Ce_Type": "io.seldon.serving.inference.custominsight"},
        400,
        "the type",
    ),
    "an event that is no JSON": ("events", b"x", CE, 400, "the event's data is not JSON"),
    "an event that is binary": (
        "events",
        b"\xff\x00",
        CE,
        400,
        "is not UTF-8; binary tensors cannot be read, have them sent as",
    ),
    "an event with a list": ("events", b"[1]", CE, 400, "the data of the event is not an object"),
    "a deep event": ("events", b"[" * 3000, CE, 400, "too many levels"),
    "a large event": (
        "events",
        b'{"a": "' + b"x" * 4100 + b'"}',
        CE,
        413,
        "the event is over 4096 bytes; .* raise limits.line",
    ),
    "no structured event": ("events", b"[]", {"Content_Type": STRUCTURED}, 400, "the event is not an object"),
    "a structured event without data": (
        "events",
        json.dumps({"id": "1", "type": REQUEST_TYPE}).encode(),
        {"Content_Type": STRUCTURED},
        400,
        "the data of the event",
    ),
    "base64 that is none": (
        "events",
        b'{"id": "1", "data_base64": "%"}',
        {"Content_Type": STRUCTURED},
        400,
        "a data_base64 that is not base64",
    ),
    "an empty batch": (
        "events",
        b"[]",
        {"Content_Type": "application/cloudevents-batch+json"},
        400,
        "at least one event",
    ),
    "a batch with a fault": (
        "events",
        b"[5]",
        {"Content_Type": "application/cloudevents-batch+json"},
        400,
        "event 0 is not an object",
    ),
}
