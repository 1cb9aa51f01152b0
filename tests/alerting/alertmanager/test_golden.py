"""What each receiver gets from a real Alertmanager, byte by byte but for addresses: firing, then resolved."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.messages import OVER, drift, sent, written
from support.routing import (
    KINDS,
    LONGER,
    OFF,
    Inbox,
    commented,
    inbox,
    running,
    version,
)
from support.servers import until

pytestmark = pytest.mark.servers
GOLDEN = Path(__file__).parents[1] / "golden"
ADDRESS = "ml-oncall@example.org"
OF_HTTP = [kind for kind in KINDS if kind != "email"]


@dataclass(frozen=True)
class Sent:
    """Firing and resolved: requests by the kind of receiver, and messages of e-mail."""

    requests: dict[str, list[dict[str, Any]]]
    mail: list[str]


def arrived(box: Inbox) -> dict[str, list[dict[str, Any]]]:
    """The requests to the receiver of pages, by their kind."""
    found = [sent(note) for note in box.hook.notifications]
    begins = {kind: f"/{kind}/pages" for kind in KINDS} | {"pagerduty": "/pagerduty", "webhook": "/pages"}
    return {kind: [r for r in found if r["path"].startswith(begins[kind])] for kind in KINDS}


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    folder = tmp_path_factory.mktemp("golden")
    path = commented(folder / "config", [*OFF, "webhook"])
    alerts = [drift("24h"), drift("7d")]
    with inbox() as box, running(folder, box.hook, box.mail, path) as server:

        def complete(count: int) -> bool:
            http = arrived(box)
            return all(len(http[k]) == count for k in OF_HTTP) and len(box.mail.to(ADDRESS)) == count

        server.post(alerts)
        until(lambda: complete(1), what="a message of each kind")
        server.post([a | OVER for a in alerts])
        until(lambda: complete(2), what="a second message of each kind")
        yield Sent(arrived(box), [written(m) for m in box.mail.to(ADDRESS)])


def compare(name: str, found: str) -> None:
    golden = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN") == "1":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(found, encoding="utf-8")
    assert golden.read_text(encoding="utf-8") == found, "run with UPDATE_GOLDEN=1 if this change is wanted"


@pytest.mark.parametrize("kind", OF_HTTP)
def test_each_receiver_gets_what_it_got_before(messages: Sent, kind: str) -> None:
    if version() < LONGER.get(kind, (0, 25)):
        pytest.skip(f"this Alertmanager does not know {kind}; its texts are compared below")
    firing, resolved = messages.requests[kind]
    found = json.dumps({"firing": firing, "resolved": resolved}, indent=2, ensure_ascii=False)
    compare(f"{kind}.json", found + "\n")


def test_the_texts_of_a_card_are_those_of_its_golden_file_by_an_alertmanager_of_any_version(
    messages: Sent,
) -> None:
    golden = json.loads((GOLDEN / "msteams.json").read_text(encoding="utf-8"))
    firing, resolved = (request["body"]["attachments"][0] for request in messages.requests["msteams"])
    for status, found in (("firing", firing), ("resolved", resolved)):
        card = golden[status]["body"]["attachments"][0]["content"]["body"]
        told = found.get("content", {}).get("body") or [{"text": found["title"]}, {"text": found["text"]}]
        assert [block["text"] for block in card] == [block["text"] for block in told]


@pytest.mark.parametrize(("number", "status"), [(0, "firing"), (1, "resolved")])
def test_mail_is_what_it_was_before(messages: Sent, number: int, status: str) -> None:
    compare(f"email-{status}.eml", messages.mail[number])
