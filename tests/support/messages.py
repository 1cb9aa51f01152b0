"""Alerts whose messages say something, and what receivers got, as it is kept in golden files."""

import email.message
import re
from typing import Any
from urllib.parse import quote, quote_plus

from support.routing import alert
from support.servers import Notification

MODEL = "cards <eu> & *uk* _é_"
"""A name with what is markup in one notation or another."""
DESCRIPTION = """\
12034 records of {model}, version 3, in the last {window} differ from the reference by more than is \
tolerated: confidence 99.7%, impact high.
Worst columns, by PSI over tolerated PSI:
- amount_usd (feature): PSI 0.412, tolerated 0.05, confidence 99.9%
- country (feature): PSI 0.093, tolerated 0.05, confidence 97.2%"""
OVER = {"startsAt": "2020-01-01T00:00:00Z", "endsAt": "2020-01-02T00:00:00Z"}
"""What an alert has that is resolved."""


def drift(window: str, model: str = MODEL, **labels: str) -> dict[str, Any]:
    """A page of drift as the rules make it."""
    about = {"team": "risk-ml", "impact": "high", "concern": "drift", "version": "3", **labels}
    made = alert("ModelDrift", "page", model=model, window=window, **about)
    name, path = quote_plus(model), quote(model)
    made["annotations"] = {
        "summary": f"{model}: inputs or outputs have drifted, confidence 99.7% over {window}",
        "description": DESCRIPTION.format(model=model, window=window),
        "runbook_url": "https://runbooks.example.org/ModelDrift.md",
        "dashboard_url": f"https://grafana.example.org/d/model-detail?var-model={name}&var-window={window}",
        "report_url": f"https://exporter.example.org/models/{path}",
    }
    return made


def stable(payload: Any) -> Any:  # noqa: ANN401  # plain data of any shape
    """A message without the address of the Alertmanager that sent it, and without times."""
    if isinstance(payload, dict):
        times = dict.fromkeys({"startsAt", "endsAt"} & payload.keys(), "TIME")
        return {key: stable(value) for key, value in sorted((payload | times).items())}
    if isinstance(payload, list):
        return [stable(value) for value in payload]
    if isinstance(payload, str):
        return re.sub(r"http://127\.0\.0\.1:\d+", "http://alertmanager", payload)
    return payload


def sent(note: Notification) -> dict[str, Any]:
    """A request to a receiver, without what newer Alertmanagers say otherwise or add."""
    body = stable(dict(note.payload))
    body.pop("notification_reason", None)
    details = body.get("payload", {}).get("custom_details", {})
    details |= {key: str(value) for key, value in details.items() if isinstance(value, int)}
    return {"path": note.path, "body": body}


def part(message: email.message.EmailMessage, kind: str) -> str:
    """The text of a message's part of this kind, such as html."""
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def written(message: email.message.EmailMessage) -> str:
    """A message without date, identifiers and the boundary that each has of its own."""
    made = email.message.EmailMessage(message.policy.clone(max_line_length=10_000, utf8=True))
    for header in ("From", "To", "Subject"):
        made[header] = str(message[header])
    made.set_content(part(message, "plain"), cte="8bit")
    made.add_alternative(part(message, "html"), subtype="html", cte="8bit")
    made.set_boundary("boundary")
    return made.as_bytes().decode()
