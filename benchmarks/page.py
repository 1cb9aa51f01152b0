"""Tables of docs/statistics.md, each between two marks that name the script that makes it."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "statistics.md"


def replace_table(script: str, text: str, page: Path = PAGE) -> None:
    """Put ``text`` between the marks of ``script``; raises ValueError where the page has none."""
    replace_between(f"<!-- made by {script} -->", "<!-- end -->", text.rstrip(), page)


def replace_between(begin: str, end: str, text: str, page: Path = PAGE) -> None:
    """Put ``text`` between two marks; raises ValueError where the page has none."""
    marks = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", flags=re.DOTALL)
    before = page.read_text(encoding="utf-8")
    after, found = marks.subn(lambda _: f"{begin}\n{text}\n{end}", before)
    if not found:
        raise ValueError(f"{page} has no marks {begin} and {end}")
    page.write_text(after, encoding="utf-8")
