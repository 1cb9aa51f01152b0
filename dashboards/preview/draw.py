"""Draw the dashboards as Grafana would, from their JSON and a Prometheus, and write pictures of them.

Without ``--prometheus`` there is a Prometheus of its own, filled with what an exporter makes of three made-up
models in a week; that takes some minutes the first time and is kept in build/. Exits 1 where a panel is empty
or failed, or text lies upon text, or reaches out of the page.
"""

import argparse
import contextlib
import json
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / name) for name in ("dashboards", "tests", "examples")]

from playwright.sync_api import Browser  # noqa: E402  # found by the line above, as those below

from preview.data import Source, filled  # noqa: E402
from preview.page import build, digest, serving  # noqa: E402
from preview.pictures import shrink  # noqa: E402
from support.browser import browsing, chromium  # noqa: E402

BUILD = ROOT / "build" / "dashboards-preview"
DASHBOARDS = ROOT / "dashboards" / "json"
PICTURES = ROOT / "docs" / "previews"
WIDTHS = (1440, 390)
PATIENCE_SECONDS = 240
MOST_CUT = 3
CHOSEN = {
    "model": "fraud",
    "version": "7",
    "window": "1h",
    "signal": "network_retransmits",
    "column": "amount",
}
"""What the pictures show where one of several can be chosen; where several can be, all are shown."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Picture:
    """What is asked of the page."""

    dashboard: str
    uid: str
    width: int
    theme: str
    chosen: Mapping[str, str]
    single: Mapping[str, str]


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0 fine, 1 a dashboard has a fault or could not be drawn."""
    asked = _parsed(arguments)
    program = chromium()
    if program is None or shutil.which("npm") is None:
        print(
            "chromium, node and npm are needed; on Debian: apt-get install chromium nodejs npm",
            file=sys.stderr,
        )
        return 1
    files = [
        path for path in sorted(DASHBOARDS.glob("*.json")) if asked.dashboard in (None, _uid(path), path.stem)
    ]
    if not files:
        names = ", ".join(_uid(path) for path in sorted(DASHBOARDS.glob("*.json")))
        print(
            f"--dashboard {asked.dashboard}: there is none of that name; there are: {names}", file=sys.stderr
        )
        return 1
    page = build(BUILD)
    asked.output.mkdir(parents=True, exist_ok=True)
    faults, single = 0, CHOSEN if asked.prometheus is None else {}
    with (
        _source(asked) as source,
        serving(page, DASHBOARDS, source.url) as base,
        browsing(program) as browser,
    ):
        for path in files:
            for width in asked.width or WIDTHS:
                picture = Picture(path.stem, _uid(path), width, asked.theme, asked.variable, single)
                report = draw(browser, base, source, picture, asked.output)
                print(f"{picture.uid}, {width} pixels wide:")
                for line in told(report, every=asked.verbose):
                    print(f"  {line}")
                faults += len(faults_of(report))
    if asked.output == PICTURES:
        write_digests()
    print(f"{faults} faults" if faults else "no faults")
    return 1 if faults else 0


def draw(browser: Browser, base: str, source: Source, picture: Picture, output: Path) -> Json:
    """Open the dashboard, wait until all is drawn, take its picture; answers what the page says of it."""
    query = {
        "dashboard": picture.dashboard,
        "now": source.now,
        "scrape": source.scrape_seconds,
        "theme": picture.theme,
    }
    query |= {f"var-{name}": value for name, value in picture.chosen.items()}
    query |= {f"single-{name}": value for name, value in picture.single.items()}
    shown = browser.new_page(
        viewport={"width": picture.width, "height": 900}, timezone_id="UTC", locale="en-US"
    )
    errors: list[str] = []
    try:
        shown.on("pageerror", lambda error: errors.append(str(error)))
        # So that "3 minutes ago" is counted from then.
        shown.clock.set_fixed_time(source.now)
        shown.goto(f"{base}/index.html?{urlencode(query)}")
        shown.wait_for_function("window.previewReport !== undefined", timeout=1000 * PATIENCE_SECONDS)
        height = shown.evaluate("document.documentElement.scrollHeight")
        shown.set_viewport_size({"width": picture.width, "height": height})
        report: Json = shown.evaluate(
            "window.previewMeasure ? window.previewMeasure() : window.previewReport"
        )
        path = output / f"{picture.uid}-{picture.width}.png"
        shown.screenshot(path=path, full_page=True)
    finally:
        shown.close()
    shrink(path)
    report["problems"] += errors
    return report


def told(report: Json, *, every: bool) -> Iterator[str]:
    """What a report says, a line each: faults, text that is cut, with ``every`` all panels."""
    yield from (f"FAULT {fault}" for fault in faults_of(report))
    for panel in report["panels"]:
        if every:
            yield f"{panel['title']} ({panel['type']}): {panel['series']} series"
        if panel["cut"]:
            texts = list(dict.fromkeys(panel["cut"]))
            more = f" and {len(texts) - MOST_CUT} more" if len(texts) > MOST_CUT else ""
            yield f"{panel['title']} ({panel['type']}): cut off: {'; '.join(texts[:MOST_CUT])}{more}"


def faults_of(report: Json) -> list[str]:
    """What must not be in a picture."""
    faults = list(report["problems"])
    for panel in [*report["panels"], {"title": "head", "type": "variables, links", **report["head"]}]:
        name = f"{panel['title']} ({panel['type']})"
        if panel.get("problem"):
            faults.append(f"{name}: {panel['problem']}")
        elif panel.get("empty"):
            faults.append(f"{name}: empty")
        faults += [f"{name}: text upon text: {pair}" for pair in panel["overlapping"]]
        faults += [f"{name}: text reaches out of the page: {text}" for text in panel["outside"]]
    return faults


def write_digests() -> None:
    """Note of which JSON the pictures were drawn."""
    found = {path.name: digest([path]) for path in sorted(DASHBOARDS.glob("*.json"))}
    (PICTURES / "previews.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


@contextlib.contextmanager
def _source(asked: argparse.Namespace) -> Iterator[Source]:
    if asked.prometheus is None:
        with filled(BUILD) as source:
            yield source
    else:
        yield Source(asked.prometheus, time.time(), asked.scrape_interval)


def _uid(path: Path) -> str:
    return str(json.loads(path.read_text(encoding="utf-8"))["uid"])


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dashboard", help="uid or file name of the only one to draw")
    parser.add_argument("--prometheus", metavar="URL", help="draw what this Prometheus has now")
    parser.add_argument(
        "--scrape-interval",
        type=float,
        default=15.0,
        metavar="SECONDS",
        help="of that Prometheus (%(default)g)",
    )
    parser.add_argument("--width", type=int, action="append", help="pixels; may be repeated (1440 and 390)")
    parser.add_argument(
        "--variable", metavar="NAME=VALUE", action="append", default=[], help="a variable's value"
    )
    parser.add_argument("--theme", choices=("dark", "light"), default="dark", help="(%(default)s)")
    parser.add_argument(
        "--output", type=Path, default=PICTURES, help="folder of the pictures (docs/previews)"
    )
    parser.add_argument("--verbose", action="store_true", help="tell of panels that are fine, too")
    asked = parser.parse_args(arguments)
    asked.variable = dict(one.partition("=")[::2] for one in asked.variable)
    asked.output = asked.output.resolve()
    return asked


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
