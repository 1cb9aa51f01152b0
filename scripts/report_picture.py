"""Make docs/report.png: the report of the example ``employment``, as ``drift-exporter report`` writes it.

Needs Chromium on the PATH. Run it from the checkout with the tools in .venv.
"""

import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from drift_exporter.once import run_report  # noqa: E402
from support.browser import browsing, chromium  # noqa: E402  # found by the line above

WIDTH, HEIGHT = 1000, 1900


def main() -> None:
    """Write the report into a folder of its own and take its picture."""
    program = chromium()
    if program is None:
        sys.exit("no chromium on the PATH; on Debian: apt-get install chromium fonts-dejavu-core")
    with tempfile.TemporaryDirectory() as name, browsing(program) as browser:
        # A copy: reading leaves a dead-letter file beside the configuration.
        folder = shutil.copytree(
            ROOT / "examples" / "employment", Path(name) / "employment", ignore=shutil.ignore_patterns("data")
        )
        page = folder / "report.html"
        problems = run_report(folder / "config.yml", "employment", page, window="24h")
        if problems:
            sys.exit("\n".join(problems))
        shown = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        shown.goto(page.as_uri())
        shown.screenshot(path=ROOT / "docs" / "report.png")


if __name__ == "__main__":
    main()
