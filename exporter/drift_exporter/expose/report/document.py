"""The frame around every page: one self-contained HTML document without scripts."""

import base64
import hashlib
from importlib import resources

from drift_exporter import __version__
from drift_exporter.expose.report.markup import Markup, join, tag

_STYLE = resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_RULES = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'sha256-{_STYLE_HASH}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
)

POLICY = f"{_RULES}; frame-ancestors 'none'"
"""Content-Security-Policy of the pages: our own style sheet, and nothing else."""


def document(title: str, *body: Markup, root: str | None) -> str:
    """A whole page. ``root`` is the relative path to the landing page, None for a page that stands alone."""
    links = (
        None
        if root is None
        else tag(
            "nav",
            tag("a", "drift-exporter", href=root or "."),
            " \N{MIDDLE DOT} ",
            tag("a", "models", href=f"{root}models"),
            " \N{MIDDLE DOT} ",
            tag("a", "metrics", href=f"{root}metrics"),
            aria_label="Site",
        )
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        # The policy travels with the page, also when it is saved or sent around as a file.
        tag("meta", http_equiv="Content-Security-Policy", content=_RULES),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("link", rel="icon", href="data:,"),
        tag("style", Markup(_STYLE)),
    )
    page = tag(
        "html",
        head,
        tag(
            "body",
            tag("a", "Skip to content", href="#content", class_="skip"),
            None if links is None else tag("header", links, class_="site"),
            tag("main", *body, id="content"),
            tag("footer", f"drift-exporter {__version__}"),
        ),
        lang="en",
    )
    return join([Markup("<!DOCTYPE html>\n"), page, "\n"])
