"""Tables of docs/statistics.md, each between two marks that name the script that makes it."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "statistics.md"


def replace_table(script: str, text: str, page: Path = PAGE) -> None:
    """Put ``text`` between the marks of ``script``; raises ValueError where the page has none."""
    marks = re.compile(rf"(<!-- made by {re.escape(script)} -->\n).*?(<!-- end -->)", flags=re.DOTALL)
    before = page.read_text(encoding="utf-8")
    after, found = marks.subn(lambda match: f"{match[1]}{text.rstrip()}\n{match[2]}", before)
    if not found:
        raise ValueError(f"{page} has no marks of {script}")
    page.write_text(after, encoding="utf-8")
