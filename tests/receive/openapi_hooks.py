"""How schemathesis makes bodies that are no JSON."""

import json

import schemathesis
from hypothesis import strategies as st

_values = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())
_records = st.dictionaries(st.text(), _values | st.dictionaries(st.text(), _values))
_lines = st.one_of(_records.map(json.dumps), st.just("garbage"))

schemathesis.openapi.media_type(
    "application/x-ndjson",
    st.lists(_lines, min_size=1).map(lambda lines: "\n".join(lines).encode()),
)
