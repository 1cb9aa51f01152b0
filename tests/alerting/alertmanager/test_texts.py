"""Messages: how many for how many alerts, what is shown as it is, and what receivers take at most."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import pytest

from support.messages import OVER, drift, part
from support.routing import OFF, Inbox, commented, inbox, running
from support.servers import until

pytestmark = pytest.mark.servers
ADDRESS = "ml-oncall@example.org"
PATHS = {
    "pagerduty": "/pagerduty",
    "slack": "/slack/pages",
    "opsgenie": "/opsgenie/pages/v2/alerts",
    "msteams": "/msteams/pages",
    "webhook": "/pages",
}
COLUMNS = 200
ODD = "a<b>&\"c' *d* _e_ ~f~ `g` [h](http://i) <!channel> {{ .j }} \\k 日本 é|l"


@dataclass(frozen=True)
class Texts:
    """Title and text of each receiver's message about the same alerts."""

    payloads: dict[str, dict[str, Any]]
    html: str
    plain: str
    subject: str

    @property
    def slack(self) -> tuple[str, str]:
        """Title and text."""
        (attachment,) = self.payloads["slack"]["attachments"]
        return attachment["title"], attachment["text"]

    @property
    def teams(self) -> tuple[str, str]:
        """Title and text; in the form of Slack where Alertmanager does not know Teams."""
        (attachment,) = self.payloads["msteams"]["attachments"]
        if "content" not in attachment:
            return attachment["title"], attachment["text"]
        title, text = (block["text"] for block in attachment["content"]["body"])
        return title, text

    @property
    def details(self) -> dict[str, str]:
        """What PagerDuty shows below the summary."""
        details: dict[str, str] = self.payloads["pagerduty"]["payload"]["custom_details"]
        return details


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Inbox, Any]]:
    folder = tmp_path_factory.mktemp("texts")
    path = commented(folder / "config", [*OFF, "webhook"])
    with inbox() as box, running(folder, box.hook, box.mail, path) as server:
        yield box, server


def texts(box: tuple[Inbox, Any], alerts: list[dict[str, Any]]) -> Texts:
    """The only message that each receiver gets about these alerts."""
    boxes, server = box
    boxes.hook.notifications.clear()
    boxes.mail.messages.clear()
    server.post(alerts)
    until(lambda: all(boxes.hook.to(path) for path in PATHS.values()) and boxes.mail.to(ADDRESS))
    found = {kind: boxes.hook.to(path) for kind, path in PATHS.items()}
    mails = boxes.mail.to(ADDRESS)
    assert dict.fromkeys(PATHS, 1) == {kind: len(notes) for kind, notes in found.items()}
    (mail,) = mails
    payloads = {kind: dict(note.payload) for kind, (note,) in found.items()}
    return Texts(payloads, part(mail, "html"), part(mail, "plain"), str(mail["Subject"]))


def test_two_hundred_columns_are_one_message_with_ten_of_them_and_their_number(
    box: tuple[Inbox, Any],
) -> None:
    alerts = [drift("24h", "wide", column=f"c{n:03}") for n in range(COLUMNS)]
    told = texts(box, alerts)
    shown = {
        "slack": told.slack[1],
        "msteams": told.teams[1],
        "pagerduty": told.details["alerts"],
        "opsgenie": told.payloads["opsgenie"]["description"],
        "mail": told.plain,
        "html": told.html,
    }
    for kind, text in shown.items():
        assert re.findall(r"column (c\d+)", text) == [f"c{n:03}" for n in range(10)], kind
        assert "200 alerts are firing in all; the first ten are shown." in text, kind
    titles = [told.slack[0], told.teams[0], told.subject, told.payloads["pagerduty"]["payload"]["summary"]]
    assert [title.split("]")[0] for title in titles] == ["[200 firing"] * 4
    assert str(told.details["firing"]) == told.payloads["opsgenie"]["details"]["firing"] == "200"
    assert len(told.payloads["webhook"]["alerts"]) == COLUMNS

    # Some of them end: one message again, with both numbers and what still fires first.
    some = texts(box, [a | OVER for a in alerts[:150]])
    for text in (some.slack[1], some.teams[1], some.details["alerts"], some.plain, some.html):
        named = re.findall(r"column (c\d+)", text)
        assert named == [f"c{n:03}" for n in (*range(150, 160), *range(10))]
        assert "50 alerts are firing in all; the first ten are shown." in text
        assert "150 alerts are resolved in all; the first ten are shown." in text


def test_what_has_ended_comes_after_what_fires_and_is_counted_apart(box: tuple[Inbox, Any]) -> None:
    def ended(number: int) -> dict[str, Any]:
        about = drift("24h", "weekly", column=f"e{number}", alert="ModelDrift")
        about["labels"]["alertname"] = "InfoEndedThisWeek"
        # Fewer labels: Alertmanager's own order begins with it.
        for label in ("team", "impact", "concern"):
            del about["labels"][label]
        return about

    told = texts(
        box, [*(ended(n) for n in range(9)), *(drift("24h", "weekly", column=f"c{n}") for n in "12")]
    )
    shown = (told.slack[1], told.teams[1], told.details["alerts"], told.plain, told.html)
    for text in (*shown, told.payloads["opsgenie"]["description"]):
        assert re.findall(r"column (\w+)", text) == ["c1", "c2", *(f"e{n}" for n in range(8))]
        assert "2 firing, 9 ended in all; the first ten are shown." in text
    titles = [told.slack[0], told.teams[0], told.subject, told.payloads["pagerduty"]["payload"]["summary"]]
    assert [title.split("]")[0] for title in titles] == ["[2 firing, 9 ended"] * 4


@pytest.mark.parametrize("name", ["a: b", "- x", "007"])
def test_details_are_a_text_also_where_it_looks_like_data(box: tuple[Inbox, Any], name: str) -> None:
    """Alertmanager from 0.30 on parses what details say."""
    about = drift("24h", name)
    about["annotations"] |= {"summary": name, "description": "c: d"}
    told = texts(box, [about])
    assert told.details["alerts"].startswith(f"1 firing, 0 resolved\n\n{name}\nmodel {name}, version 3")
    assert told.payloads["pagerduty"]["payload"]["component"] == name


class Visible(HTMLParser):
    """Texts, tags and addresses of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str | None] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element, with its address."""
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        """A text of the page."""
        self.texts.append(data)


def test_names_are_shown_as_they_are_whatever_is_in_them(box: tuple[Inbox, Any]) -> None:
    about = drift("24h", ODD)
    told = texts(box, [about])
    links = [about["annotations"][f"{kind}_url"] for kind in ("runbook", "dashboard", "report")]

    # Plain text: nothing is changed.
    assert f"model {ODD}, version 3, window 24h, owner risk-ml, impact high" in told.details["alerts"]
    assert f"page {ODD} (risk-ml): {ODD}: inputs" in told.payloads["pagerduty"]["payload"]["summary"]
    assert f"model {ODD}, " in told.payloads["opsgenie"]["description"]
    assert f"page {ODD} (risk-ml)" in told.subject
    assert f"model {ODD}, " in told.plain
    assert about["annotations"]["description"] in told.details["alerts"]

    # Slack: < > begin nothing but our own links, so nobody is mentioned.
    for text in told.slack:
        own = re.sub(r"<https://[^<>|]+\|(?:Runbook|Dashboard|Report)>", "", text)
        assert "<" not in own
        assert ">" not in own
        assert re.findall("&(?!amp;|lt;|gt;)", own) == []
        assert ODD in own.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    found = re.findall(r"<(https://[^<>|]+)\|", told.slack[1])
    assert links == [link.replace("&amp;", "&") for link in found]

    # Teams: what is markup has a backslash before it.
    for text in told.teams:
        assert ODD in re.sub(r"\\([^A-Za-z0-9\s])", r"\1", text)
        own = re.sub(r"\[(?:Runbook|Dashboard|Report)\]\(\S+\)|\\[^A-Za-z0-9\s]", "", text)
        own = re.sub(r"(?m)^\*\*|\*\*$", "", own)
        assert re.findall(r"[*_`~<>]", own) == []
    assert links == re.findall(r"\]\((https://[^\s()]+)\)", told.teams[1])

    # HTML: texts of the page, no elements of it.
    page = Visible(told.html)
    assert f"model {ODD}, version 3, window 24h, owner risk-ml, impact high" in page.texts
    assert about["annotations"]["description"] in page.texts
    assert {"b", "script"} & page.tags == set()
    assert page.links == links


LONG = {"letters": "x" * 20_000, "markup": "&<>*_" * 4_000, "characters": "é日🙂" * 3_000}


@pytest.mark.parametrize("filler", LONG)
def test_nothing_is_longer_than_a_receiver_takes_and_no_character_is_cut_in_two(
    box: tuple[Inbox, Any], filler: str
) -> None:
    alerts = [drift(f"{n}h", f"long {filler}") for n in range(COLUMNS)]
    for about in alerts:
        about["annotations"]["summary"] = f"{LONG[filler]}"
        about["annotations"]["description"] = f"{LONG[filler]}"
    told = texts(box, alerts)
    title, text = told.slack
    assert len(title) <= 1024
    assert len(text) <= 40_000
    pagerduty = told.payloads["pagerduty"]
    assert len(pagerduty["payload"]["summary"]) == 1024
    assert len(as_sent(pagerduty)) <= 512_000
    assert "200 alerts are firing in all" in told.details["alerts"], "the details are not thrown away"
    opsgenie = told.payloads["opsgenie"]
    assert len(opsgenie["message"]) == 130
    assert len(opsgenie["description"]) <= 15_000
    # A thousand are left for the card around them.
    assert len("".join(told.teams).encode()) <= 27_000
    for shown in (*told.slack, *told.teams, opsgenie["description"]):
        assert "\N{REPLACEMENT CHARACTER}" not in shown
        assert "…" in shown
    # What is left of an escape is a whole one.
    assert re.findall("&(?!amp;|lt;|gt;)", text) == []
    assert re.findall(r"\\…|\\$", told.teams[1]) == []


def as_sent(payload: dict[str, Any]) -> bytes:
    """JSON as Alertmanager writes it: UTF-8, with what HTML could take for markup escaped."""
    text = json.dumps(payload, ensure_ascii=False)
    return re.sub("[<>&]", r"\\u0000", text).encode()
