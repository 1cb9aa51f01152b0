"""The shipped Alertmanager configuration for tests: commented in and out, run with local receivers."""

import functools
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from support.alerting import ALERTING, ROOT
from support.mail import Mailbox
from support.servers import Alertmanager, Webhook, alertmanager

SHIPPED = ALERTING / "alertmanager" / "alertmanager.yml"
TEMPLATES = SHIPPED.parent / "templates"
ON = ("pagerduty", "slack", "webhook")
OFF = ("opsgenie", "email", "msteams")
KINDS = (*ON, *OFF)
EXAMPLES = ("team", "team-retraining", "impact", "retraining")
NEEDS_0_28 = "msteams"
"""The block that Alertmanager before 0.28 does not know."""
LONGER = {NEEDS_0_28: (0, 28)}
"""Blocks that need more than the oldest Alertmanager, and what they need."""
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
AT_ANY_TIME = MappingProxyType({"digest": True, "retraining": False})
LINKS = ("runbook", "dashboard", "report")


def amtool(*arguments: object) -> str:
    """What amtool prints; AssertionError with all of that where it fails."""
    result = subprocess.run(
        ["amtool", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@functools.cache
def version() -> tuple[int, int]:
    """Major and minor version of the amtool that is installed; Alertmanager comes with it."""
    (found,) = re.findall(r"^amtool, version (\d+)\.(\d+)", amtool("--version"), re.MULTILINE)
    return int(found[0]), int(found[1])


@functools.cache
def commands() -> str:
    """The shell functions ``comment_in`` and ``comment_out``, as docs/alerting.md has them."""
    text = (ROOT / "docs" / "alerting.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"```sh\n(comment_in\(\).+?)```", text, re.DOTALL)
    return str(found)


def commented(folder: Path, into: Iterable[str] = (), out: Iterable[str] = ()) -> Path:
    """A copy of the configuration in ``folder`` with these blocks commented in and out, in this order."""
    path = folder / "alertmanager.yml"
    if not path.exists():
        shutil.copytree(SHIPPED.parent, folder, dirs_exist_ok=True)
    script = [commands(), *(f"comment_out {n}" for n in out), *(f"comment_in {n}" for n in into)]
    subprocess.run(["sh", "-eu"], input="\n".join(script), text=True, check=True, cwd=folder, timeout=60)
    return path


def only(folder: Path, *kinds: str, examples: Iterable[str] = ()) -> Path:
    """A copy of the configuration with just these kinds of receivers."""
    return commented(folder, [*kinds, *examples], [kind for kind in ON if kind not in kinds])


def loaded(path: Path) -> dict[str, Any]:
    """The configuration in a file."""
    config: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return config


def routed(path: Path, **labels: str) -> list[str]:
    """Names of the receivers that get an alert with these labels, by amtool."""
    matchers = [f'{name}="{value}"' for name, value in labels.items()]
    return amtool("config", "routes", "test", f"--config.file={path}", *matchers).strip().split(",")


def routes_of(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A route and all below it."""
    yield route
    for inner in route.get("routes") or []:
        yield from routes_of(inner)


def kinds_of(receiver: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """What a receiver sends to, by kind."""
    return {kind: items for kind, items in receiver.items() if kind != "name"}


@dataclass(frozen=True)
class Inbox:
    """Where the local receivers are: HTTP by paths, mail."""

    hook: Webhook
    mail: Mailbox


@contextmanager
def inbox() -> Iterator[Inbox]:
    """Listeners for all kinds of receivers."""
    with Webhook() as hook, Mailbox() as mail:
        yield Inbox(hook, mail)


def locally(
    config: dict[str, Any],
    folder: Path,
    hook: Webhook,
    mail: Mailbox | None = None,
    now: Mapping[str, bool] = AT_ANY_TIME,
) -> None:
    """Make a configuration wait a second only, and send to local receivers.

    Slack, Opsgenie and Teams come to ``/KIND/RECEIVER``, PagerDuty to ``/pagerduty`` (its routing key is
    ``the-FILE``), webhooks to the path that they have. Where Alertmanager does not know Teams its texts come
    in the form of Slack. ``now`` says of each time interval whether it is now.
    """
    config["templates"] = [str(TEMPLATES / "*.tmpl")]
    config["global"]["pagerduty_url"] = f"{hook.url}/pagerduty"
    for route in routes_of(config["route"]):
        route |= {"group_wait": "1s", "group_interval": "1s"}
    for interval in config["time_intervals"]:
        interval["time_intervals"] = [{"weekdays": weekdays(now=now[interval["name"]])}]
    for receiver in config["receivers"]:
        for kind, items in kinds_of(receiver).items():
            path = kind.partition("_")[0].removesuffix("v2")
            for item in items:
                _item(item, f"{hook.url}/{path}/{receiver['name']}", folder)
                if kind == "webhook_configs":
                    item["url"] = item["url"].replace("http://localhost:9095", hook.url)
                if kind == "opsgenie_configs":
                    item["api_url"] = f"{hook.url}/opsgenie/{receiver['name']}/"
                if kind == "email_configs" and mail is not None:
                    item |= {"smarthost": mail.address, "require_tls": False}
        if version() < LONGER[NEEDS_0_28] and "msteamsv2_configs" in receiver:
            receiver.setdefault("slack_configs", []).extend(
                map(_text_of_card, receiver.pop("msteamsv2_configs"))
            )


def _text_of_card(item: dict[str, Any]) -> dict[str, Any]:
    """Slack with the texts for Teams, which an older Alertmanager does not know."""
    own = {key: item[key] for key in ("title", "text", "send_resolved")}
    return {**own, "api_url_file": item["webhook_url_file"]}


def weekdays(*, now: bool) -> list[str]:
    """The days around this moment in UTC, which it is one of for a while; or all others."""
    today = datetime.now(UTC)
    around = {(today + timedelta(days=days)).strftime("%A").lower() for days in (-1, 0, 1)}
    return [day for day in DAYS if (day in around) == now]


def _item(item: dict[str, Any], own: str, folder: Path) -> None:
    """Write the secrets that an item names, each into a file of its own: the address, or the file's name."""
    for key in [key for key in item if key.endswith("_file")]:
        name = Path(item[key]).name
        path = folder / f"{own.replace('/', '-').replace(':', '-')}-{name}"
        path.write_text(own if key in ("api_url_file", "webhook_url_file") else f"the-{name}")
        item[key] = str(path)
    if "authorization" in item.get("http_config", {}):
        (folder / "token").write_text("the-token")
        item["http_config"]["authorization"]["credentials_file"] = str(folder / "token")


@contextmanager
def running(
    folder: Path,
    hook: Webhook,
    mail: Mailbox | None = None,
    config: Path = SHIPPED,
    now: Mapping[str, bool] = AT_ANY_TIME,
) -> Iterator[Alertmanager]:
    """The configuration but for waiting times, time intervals, addresses and where secrets lie."""
    made = loaded(config)
    folder.mkdir(parents=True, exist_ok=True)
    locally(made, folder, hook, mail, now)
    with alertmanager(folder / "alertmanager", made) as server:
        yield server


def alert(name: str, severity: str, **labels: str) -> dict[str, Any]:
    """An alert with the annotations that all shipped rules have."""
    about = {"alertname": name, "severity": severity, **labels}
    links = {f"{kind}_url": f"http://127.0.0.1/{kind}" for kind in LINKS}
    summary = f"{name} of {labels.get('model', labels.get('job'))} {labels.get('window', '')}".strip()
    return {"labels": about, "annotations": {"summary": summary, "description": "what is known", **links}}


def inhibited(server: Alertmanager) -> set[tuple[str, str]]:
    """Name and severity of each alert that is held back by another one."""
    return {
        (a["labels"]["alertname"], a["labels"]["severity"])
        for a in server.alerts()
        if a["status"]["inhibitedBy"]
    }
