"""What the demonstration of late labels takes for a failure."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from clicks.checks import control_was_silent, heard
from support.demonstration import DemoError
from support.handles import Sample
from support.listeners import Notification
from support.stack import Stack
from support.telling import silent


def alert(name: str, model: str = "clicks", state: str = "active") -> dict[str, Any]:
    return {"labels": {"alertname": name, "model": model}, "status": {"state": state}}


def note(*alerts: dict[str, Any], path: str = "/pages") -> Notification:
    return Notification(path, {"alerts": list(alerts)})


def running(
    *notes: Notification,
    active: tuple[dict[str, Any], ...] = (),
    query: Callable[[str], list[Sample]] = lambda _: [],
) -> Stack:
    return SimpleNamespace(  # type: ignore[return-value]
        hook=SimpleNamespace(notifications=list(notes)),
        alertmanager=SimpleNamespace(alerts=lambda: list(active)),
        prometheus=SimpleNamespace(query=query, alerts=lambda *_: []),
    )


CONCEPT = alert("ModelConceptDrift")


def test_one_page_of_concept_drift_is_what_has_to_come() -> None:
    right = note(CONCEPT, alert("ModelPerformanceDropped"))
    inhibited = alert("ModelConceptDrift", "clicks_control", state="suppressed")
    assert right.payload == heard(running(right, active=(CONCEPT, inhibited)), 0.0)


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        ((note(CONCEPT), note(CONCEPT)), "2 notifications: "),
        ((note(CONCEPT), note(alert("ModelDrift", "clicks_control"))), "2 notifications: "),
        ((note(alert("ModelPerformanceDropped")),), "the notification is none of ModelConceptDrift"),
        ((note(CONCEPT, path="/tickets"),), "the notification is none of ModelConceptDrift: /tickets"),
        ((note(CONCEPT, alert("ModelDrift", "clicks_control")),), "the notification is not of clicks alone"),
    ],
)
def test_anything_else_is_a_failure(notes: tuple[Notification, ...], said: str) -> None:
    with pytest.raises(DemoError, match=said):
        heard(running(*notes), 0.0)


def test_waits_for_a_notification_and_for_what_is_still_to_be_told() -> None:
    with pytest.raises(TimeoutError, match="a notification at the webhook"):
        heard(running(), 0.0)
    other = alert("ModelConceptDrift", "clicks_control")
    with pytest.raises(TimeoutError, match=r"told of all alerts; not of .*clicks_control"):
        heard(running(note(CONCEPT), active=(CONCEPT, other)), 0.0)


def judged(*labels: str) -> Callable[[str], list[Sample]]:
    """Answers a sample to the queries that hold one of these texts."""
    return lambda query: [Sample({}, 0.0, 0.0)] if any(label in query for label in labels) else []


def test_the_control_has_to_be_judged_and_to_stay_silent() -> None:
    value = "model_concept_drift_confidence"
    control_was_silent(running(query=judged(value)))
    with pytest.raises(DemoError, match="clicks_control was not judged"):
        control_was_silent(running())
    for fired in ('ALERTS{alertstate="firing",model="clicks_control"}', 'alertname="ModelDrift"'):
        with pytest.raises(DemoError, match="alerts that should not have fired"):
            control_was_silent(running(query=judged(value, fired)))


def test_nothing_may_be_heard_before_the_fall() -> None:
    silent(running(), "before anything has changed")
    with pytest.raises(DemoError, match=r"alerts before anything has changed: .*ModelDrift"):
        silent(running(note(alert("ModelDrift"))), "before anything has changed")
