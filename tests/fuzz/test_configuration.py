"""Any text as a configuration: it loads, or the error says where and what is wrong, soon and in few words.

Each test takes seconds. For a longer search say how many examples each of them shall try::

    FUZZ_EXAMPLES=20000 python -m pytest tests/fuzz
"""

import re
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import event, given
from hypothesis import strategies as st

from drift_exporter.config import load_config, masked_dump
from drift_exporter.config.load import MOST_BYTES, MOST_PROBLEMS
from drift_exporter.config.schema import Config
from drift_exporter.errors import ConfigurationError
from support.fuzzing import examples

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("tests/config/good/*.yml"), *ROOT.glob("examples/*/config.yml")])
TEXTS = [file.read_text(encoding="utf-8") for file in FILES]
LEAST = """models:
  - name: fraud
    task: binary
    predictions:
      source: {type: file, path: logs/*.ndjson}
      fields: {timestamp: ts}
"""


@contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    """End what would never end; far more time than is needed."""

    def give_up(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def load(folder: Path, text: str) -> Config | None:
    """The configuration, None where it is refused in the way it should be."""
    path = folder / "config.yml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        with no_longer_than(60):
            config = load_config(path)
    except ConfigurationError as error:
        lines = str(error).split("\n")
        # What YAML 1.1 takes for the end of a line.
        last = len(re.split("\r\n|[\n\r\x85\u2028\u2029]", text))
        assert len(lines) <= MOST_PROBLEMS + 1
        for line in lines:
            found = re.match(rf"{re.escape(str(path))}:(\d+): (.+); .+", line)
            assert found is not None, line
            assert 1 <= int(found[1]) <= last, line
            assert len(line) < len(str(path)) + 800, line
        return None
    (folder / "again.yml").write_text(masked_dump(config), encoding="utf-8")
    assert config == load_config(folder / "again.yml")
    return config


LINE = st.integers(0, 80)
TOKENS = st.sampled_from(
    [
        "{",
        "}",
        "[",
        "]",
        ":",
        ": ",
        "- ",
        "?",
        "? ",
        "|",
        ">",
        ">-\n",
        "&a ",
        "*a",
        "<<: *a",
        "<<",
        "!!str ",
        "!!int ",
        "!x ",
        "!!binary ",
        "!!set ",
        "!!python/object:os.system ",
        "%YAML 1.1\n---\n",
        "---\n",
        "...\n",
        "#",
        "'",
        '"',
        "\\",
        "`",
        "@",
        "%",
        ",",
        "\t",
        "\0",
        "\ufeff",
        "\u2028",
        "\x85",
        "\r",
        "\ud800",
        "\U0001f600",
        "~",
        "null",
        "yes",
        "no",
        "on",
        "0x1f",
        "010",
        "0o17",
        "1_000",
        "1:30",
        "1e9",
        "-0",
        ".inf",
        "-.inf",
        ".nan",
        "2024-01-01",
        "9" * 30,
        "9" * 400,
        "1e999",
        "-1",
        "0",
        "1.5",
        "15s",
        "1h",
        "0s",
        "99999w",
        "1MiB",
        "999999999GiB",
        "features.*",
        "*",
        "a..b",
        ".",
        "\\.",
        "a." * 60 + "b",
        "../" * 40,
        "/",
        "~/x",
        "[!",
        "**/" * 40,
        "file",
        "http",
        "kafka",
        "rolling",
        "binary",
        "numeric",
        "models:\n",
        "  - name: x\n",
        "reference: {rolling: 7d}\n",
        "x" * 5000,
        "[" * 40,
        "{a: " * 40,
        "[" * 3000,
    ]
)


@st.composite
def changed_texts(draw: st.DrawFn) -> str:
    """A good file with lines left out, doubled, swapped or indented otherwise, and odd text put in."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        lines = text.split("\n")
        one, two = draw(LINE) % len(lines), draw(LINE) % len(lines)
        kind = draw(st.integers(0, 6))
        if kind == 0:
            del lines[one : one + 1 + two % 3]
        elif kind == 1:
            lines.insert(one, lines[two])
        elif kind == 2:
            lines[one], lines[two] = lines[two], lines[one]
        elif kind == 3:
            lines[one] = " " * draw(st.integers(0, 9)) + lines[one].lstrip()
        elif kind == 4:
            key, colon, _ = lines[one].partition(":")
            lines[one] = f"{key}{colon} {draw(TOKENS)}"
        else:
            place = draw(st.integers(0, 60)) % (len(lines[one]) + 1)
            length = draw(st.integers(0, 4))
            new = draw(TOKENS | st.text(max_size=4))
            lines[one] = lines[one][:place] + new + lines[one][place + length :]
        text = "\n".join(lines)
    return text


@examples(300)
@given(text=changed_texts())
def test_a_changed_file_loads_or_is_refused(tmp_path: Path, text: str) -> None:
    event("refused" if load(tmp_path, text) is None else "loaded")


ODD = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        -1,
        1,
        10**9,
        10**18,
        10**400,
        0.0,
        -0.0,
        1e-300,
        1e300,
        float("inf"),
        float("nan"),
        "",
        " ",
        "\n",
        "\0",
        "no",
        "3",
        "15s",
        "1MiB",
        "a.b",
        "features.*",
        "x" * 3000,
        "é",
        "\u202e",
        "binary",
        "file",
        "a\nb",
        [],
        {},
        [[]],
        [{}],
        {"": 1},
        {"a": {"b": {"c": {"d": {}}}}},
        [[[[[[[[[[[[[[]]]]]]]]]]]]]],
        ["x"] * 500,
    ]
)
VALUES = st.recursive(
    ODD | st.text(max_size=6) | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=6,
).map(deepcopy)


def places(data: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401
    """Paths of everything in a document."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [at, *(place for key, value in inner for place in places(value, (*at, key)))]


@st.composite
def changed_data(draw: st.DrawFn) -> str:
    """A good file in which values are left out or become others, perhaps those of another place."""
    data = yaml.safe_load(draw(st.sampled_from(TEXTS)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.sampled_from(places(data)[1:] or [()]))
        if not place:
            break
        parent = data
        for key in place[:-1]:
            parent = parent[key]
        kind = draw(st.integers(0, 4))
        if kind == 0:
            del parent[place[-1]]
        elif kind == 1:
            other = data
            for key in draw(st.sampled_from(places(data))):
                other = other[key]
            # The dump writes what stands twice as an anchor and aliases, also of itself.
            parent[place[-1]] = other
        elif kind == 2 and isinstance(parent, dict):
            parent[draw(st.text(max_size=8) | st.sampled_from(["<<", "name", "type", "path"]))] = draw(VALUES)
        else:
            parent[place[-1]] = draw(VALUES)
        if any(len(one) > 12 for one in places_without_loops(data)):
            break
    return str(yaml.safe_dump(data, allow_unicode=True, default_flow_style=draw(st.none() | st.booleans())))


def places_without_loops(data: Any, deep: int = 0) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    """Paths down to thirteen levels, where it is sure that there are too many."""
    yield (None,) * deep
    if deep < 13:
        for value in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
            yield from places_without_loops(value, deep + 1)


@examples(150)
@given(text=changed_data())
def test_changed_data_loads_or_is_refused(tmp_path: Path, text: str) -> None:
    event("refused" if load(tmp_path, text) is None else "loaded")


def laughs(first: str, again: str, levels: int) -> str:
    """Aliases of aliases: each level holds the one before it ten times."""
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{i}: &a{i} {again.format(f'*a{i - 1}')}" for i in range(1, levels)]
    return "\n".join(lines) + "\n" + LEAST


TEN = ", ".join(["{0}"] * 10)
KEYS = ", ".join(f"k{i}: {{0}}" for i in range(10))
LARGE = {
    "aliases in lists": laughs("[x]", f"[{TEN}]", 9),
    "aliases in mappings": laughs("{x: y}", f"{{{{{KEYS}}}}}".replace("{{{{", "{{").replace("}}}}", "}}"), 9),
    "merged aliases": laughs("{x: y}", f"{{{{<<: [{TEN}]}}}}", 9),
    "an alias of itself": "a: &a [*a, *a]\nb: &b {c: *b, <<: *b}\n" + LEAST,
    "models by aliases": "models:\n  - &m {name: x}\n" + "  - *m\n" * 5_000,
    "deep lists": "a: " + "[" * 5_000 + "]" * 5_000 + "\n" + LEAST,
    "deep blocks": "".join(" " * i + "a:\n" for i in range(900)) + LEAST,
    "wrong entries": f"windows: [{', '.join(['x'] * 10_000)}]\n{LEAST}",
    "unknown keys": "".join(f"k{i}: 1\n" for i in range(10_000)) + LEAST,
    "the same key": "team: x\n" * 10_000 + LEAST,
    "a long number": f"limits: {{series: {'9' * 500_000}, models: 1{'_0' * 100_000}}}\n{LEAST}",
    "a long fraction": f"limits: {{series: 0.{'1' * 500_000}}}\nstate_dir: 0.{'1' * 500_000}\n{LEAST}",
    "a long duration": f"evaluation_interval: {'1h' * 200_000}\n{LEAST}",
    "a long size": f"limits: {{memory: {'9' * 100_000}GiB}}\n{LEAST}",
    "a deep field": LEAST.replace("timestamp: ts", f'timestamp: "{"a." * 100_000}b"'),
    "deep features": LEAST.replace("timestamp: ts", f'features: "{"a." * 100_000}*"'),
    "a long pattern": LEAST.replace("logs/*.ndjson", '"' + "[!" * 100_000 + '"'),
    "a long key": f"? {'k' * 100_000}\n: 1\n{LEAST}",
    "a long line of keys": "? [" * 10_000 + LEAST,
}


@pytest.mark.parametrize("name", LARGE)
def test_what_is_large_is_refused_in_few_words_and_little_memory(tmp_path: Path, name: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert load(tmp_path, LARGE[name]) is None
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300 << 10


def test_a_log_is_not_read_as_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ConfigurationError) as caught:
        load_config(path)
    assert str(caught.value) == f"{path}: is larger than 4MiB; name a configuration, not a log"
    assert MOST_BYTES == 4 << 20
