"""A model that is configured anew goes on with what waits for labels and what was counted."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from drift_exporter.config import load_config
from drift_exporter.expose.render import render
from drift_exporter.runtime import ModelRuntime, take_snapshot
from drift_exporter.setting_up import make_model
from drift_exporter.state.store import Store
from support.labelled import MODEL, NOW, configure, labels, metrics, predictions, same, told, write_rows


def make(config: Path, store: Store, *, final: bool = False) -> ModelRuntime:
    loaded = load_config(config)
    return make_model(loaded.models[0], loaded, clock=lambda: NOW, store=store, final=final)


def text_of(model: ModelRuntime) -> str:
    snapshot = take_snapshot([model], reload_successful=True, reload_timestamp=NOW, now=NOW)
    return render(snapshot, series_limit=10**6).body("text").decode()


@pytest.mark.parametrize("saved", [True, False])
@pytest.mark.parametrize(
    ("without", "changes"),
    [
        ((), {"performance": {"minimum_labels": 40}}),
        (("segments", "fairness"), {}),
        ((), {"labels": {**MODEL["labels"], "max_delay": "4d"}}),
    ],
    ids=["options", "fewer columns", "another delay"],
)
def test_predictions_that_wait_are_joined_after_a_change(
    tmp_path: Path, without: tuple[str, ...], changes: dict[str, Any], *, saved: bool
) -> None:
    rows = predictions(1500)
    given = sorted(labels(rows), key=lambda row: row["at"])
    write_rows(tmp_path / "predictions/p.ndjson", rows)
    write_rows(tmp_path / "labels/l.ndjson", given[:300])
    with closing(Store(tmp_path / "state")) as store:
        old = make(configure(tmp_path), store)
        old.restore()
        old.read()
        if saved:
            with old.ingest.lock:
                old.save()
        new = make(configure(tmp_path, *without, **changes), store)
        new.adopt(old)
        old.close()
        with (tmp_path / "labels/l.ndjson").open("a") as log:
            log.write("".join(json.dumps(row) + "\n" for row in given[300:]))
        new.read()
        with new.ingest.lock:
            new.save()
        text = text_of(new)
        new.close()
        again = make(configure(tmp_path, *without, **changes), store)
        again.restore()
        same(text, text_of(again))
        again.close()
    after = told(text)
    assert len(given) == sum(after["model_labels_total"].values())
    pending = after["model_predictions_pending"]
    assert [len(rows) - len(given)] == list(pending.values())


def test_counts_go_on_where_the_same_is_counted(tmp_path: Path) -> None:
    rows = predictions(1500)
    given = labels(rows)
    write_rows(tmp_path / "predictions/p.ndjson", rows)
    write_rows(tmp_path / "labels/l.ndjson", given[:300])
    with closing(Store(tmp_path / "state")) as store:
        old = make(configure(tmp_path), store)
        old.restore()
        old.read()
        new = make(configure(tmp_path, team="others"), store)
        new.adopt(old)
        old.close()
        with (tmp_path / "labels/l.ndjson").open("a") as log:
            log.write("".join(json.dumps(row) + "\n" for row in given[300:]))
        new.read()
        text = text_of(new)
        new.close()
    same(metrics(configure(tmp_path)), text)


@pytest.mark.parametrize("restarted", [True, False])
def test_labels_that_are_configured_again_begin_anew(tmp_path: Path, *, restarted: bool) -> None:
    rows = predictions(400)
    given = labels(rows)
    write_rows(tmp_path / "predictions/p.ndjson", rows)
    write_rows(tmp_path / "labels/l.ndjson", given)
    kept = ("labels", "segments", "fairness")
    with closing(Store(tmp_path / "state")) as store:
        model = make(configure(tmp_path), store)
        model.restore()
        model.read()
        with model.ingest.lock:
            model.save()
        for without in (kept, ()):
            new = make(configure(tmp_path, *without), store)
            if restarted:
                model.close()
                new.restore()
            else:
                new.adopt(model)
                model.close()
            model = new
            model.read()
            with model.ingest.lock:
                model.save()
        more = predictions(500)[400:]
        with (tmp_path / "predictions/p.ndjson").open("a") as log:
            log.write("".join(json.dumps(row) + "\n" for row in more))
        model.read()
        with model.ingest.lock:
            model.save()
        assert [100.0] == list(told(text_of(model))["model_predictions_pending"].values())
        model.close()
