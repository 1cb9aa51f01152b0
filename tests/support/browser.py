"""A headless Chromium, and what a test asks of a page in it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")

TEXTS = """() => {
  const found = [];
  const hidden = one => one && getComputedStyle(one).clipPath !== 'none';
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim().slice(0, 40);
    const parent = walker.currentNode.parentElement;
    if (!text || !parent.checkVisibility()) continue;
    if (parent.closest('svg, .skip') || hidden(parent.closest('thead'))) continue;
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    for (const one of range.getClientRects())
      if (one.width > 1) found.push([text, one.left, one.top, one.right, one.bottom]);
  }
  return found;
}"""
"""Every line of visible text with its edges."""


def chromium() -> str | None:
    """Its path, None where it is not installed."""
    return next((path for name in PROGRAMS if (path := shutil.which(name)) is not None), None)


@contextmanager
def browsing(program: str) -> Iterator[Browser]:
    """A browser for as long as the context lasts."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def texts(page: Page) -> tuple[list[str], NDArray[np.float64]]:
    """Lines of visible text, and their left, upper, right and lower edges (n, 4) in pixels."""
    found = page.evaluate(TEXTS)
    return [one[0] for one in found], np.array([one[1:] for one in found], dtype=np.float64).reshape(-1, 4)


def overlapping(page: Page) -> list[tuple[str, str]]:
    """Pairs of lines of text that lie upon each other by more than a pixel across and three down.

    Lines of a paragraph overlap by less: fonts reach a little beyond them.
    """
    names, edges = texts(page)
    left, upper, right, lower = edges.T
    across = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    down = np.minimum(lower[:, None], lower) - np.maximum(upper[:, None], upper)
    both = np.triu((across > 1) & (down > 3), k=1)
    return [(names[i], names[j]) for i, j in np.argwhere(both)]


def outside(page: Page, width: int) -> list[str]:
    """Lines of text that reach out of a page of that width."""
    names, edges = texts(page)
    return [name for name, (left, _, right, _) in zip(names, edges, strict=True) if left < 0 or right > width]
