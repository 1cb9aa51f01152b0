"""The section of the source push: what is refused, with what would be right."""

from pathlib import Path

import pytest

from drift_exporter.config import check_config, load_config
from drift_exporter.config.sources import PushSource
from drift_exporter.errors import ConfigurationError

CONFIG = """\
models:
  - name: fraud
    task: binary
    predictions:
      source: {{type: push{options}}}
      fields: {{timestamp: ts}}
"""


def load(folder: Path, options: str) -> PushSource:
    path = folder / "config.yml"
    path.write_text(CONFIG.format(options=options))
    source = load_config(path).models[0].predictions.source
    assert isinstance(source, PushSource)
    return source


def test_defaults(tmp_path: Path) -> None:
    source = load(tmp_path, "")
    assert (16 << 20, 256 << 20, None, "none") == (
        source.request,
        source.backlog,
        source.token_file,
        source.events,
    )
    assert (None, 3600.0, 100_000, "ndjson") == (
        source.features,
        source.pair_within,
        source.pending,
        source.decoded_as,
    )


def test_a_token_is_in_a_file_beside_the_configuration(tmp_path: Path) -> None:
    assert tmp_path / "token" == load(tmp_path, ", token_file: token").token_file


def test_only_what_may_be_a_mistake_is_warned_of(tmp_path: Path) -> None:
    load(tmp_path, "")
    checked = check_config(tmp_path / "config.yml")
    assert () == checked.problems
    assert ["there is no reference"] == [w.split(": ")[-1].split(",")[0] for w in checked.warnings]


@pytest.mark.parametrize(
    ("options", "place", "why"),
    [
        (
            ", request: 1GiB, backlog: 512MiB",
            "backlog",
            "512MiB is less than one request (1GiB) may hold; raise it",
        ),
        (", request: 1KiB, backlog: 512B", "backlog", "512 is too small; at least 1KiB"),
        (", pair_within: 1m", "pair_within", "is for events that are joined; set events: all or remove it"),
        (", events: request, pending: 5", "pending", "is for events that are joined; set events: all"),
        (", features: [a]", "features", "names an event's inputs; set events: all or request, or remove it"),
        (
            ", events: all, features: [a, a]",
            "features",
            "holds a name twice; each value needs a name of its own",
        ),
        (", events: all, features: []", "features", "the list is empty; give it at least one entry"),
        (", events: kserve", "events", "is not known here; one of: none, all, request, response"),
        (", path: x", "path", "unknown key; one of: type, request, backlog, token_file"),
        (", tokenfile: x", "tokenfile", 'unknown key; did you mean "token_file"?'),
        (", pending: 0", "pending", "too small; at least 1"),
    ],
)
def test_what_is_refused(tmp_path: Path, options: str, place: str, why: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, options)
    assert f"config.yml:5: models[0].predictions.source.{place}: " in str(caught.value)
    assert why in str(caught.value)
