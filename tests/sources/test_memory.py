from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from drift_exporter.sources.memory import MemoryFile

PARTS = st.lists(
    st.tuples(st.sampled_from(["append", "write", "empty"]), st.integers(0, 3 << 20)), max_size=8
)


@given(PARTS)
def test_what_is_appended_is_the_content_whatever_was_there_before(steps: list[tuple[str, int]]) -> None:
    memory, expected = MemoryFile(), b""
    for number, (step, length) in enumerate(steps):
        part = bytes([number + 1]) * length
        if step == "append":
            memory.append(part)
            expected += part
        elif step == "write":
            memory.write(part)
            expected = part
        else:
            memory.empty()
            expected = b""
    memory.cut(memory.size)
    assert expected == Path(memory.path).read_bytes()
    memory.close()


def test_what_is_appended_can_be_looked_into() -> None:
    memory = MemoryFile()
    for part in (b"", b"a\n", b"bc\nd"):
        memory.append(part)
    assert (b"a\nbc\nd", 5, b"c\nd") == (memory.content(), memory.find_last_newline(), memory.tail(3))
    memory.close()
