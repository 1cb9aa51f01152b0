// What can be seen of a panel's text: whether it lies upon other text, is cut off, or reaches out of the page.

interface Line {
  node: Node;
  text: string;
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface Geometry {
  overlapping: string[];
  cut: string[];
  outside: string[];
}

const VISIBLE = 1;
/** Fonts reach a little beyond their lines. */
const DOWN = 3;

interface Seen extends Omit<Line, 'node' | 'text'> {
  /** Whether a parent that does not scroll hides some of its sides. */
  cut: boolean;
}

/** The part of a box that no scrolling or clipping parent hides; null where that is nothing. */
function clipped(box: DOMRect, element: Element): Seen | null {
  let { left, top, right, bottom } = box;
  let cut = false;
  for (let parent: Element | null = element; parent && parent !== document.body; parent = parent.parentElement) {
    const style = getComputedStyle(parent);
    if (style.overflowX !== 'visible' || style.overflowY !== 'visible') {
      const own = parent.getBoundingClientRect();
      cut ||= ['hidden', 'clip'].includes(style.overflowX) && (left < own.left - 2 || right > own.right + 2);
      [left, right] = [Math.max(left, own.left), Math.min(right, own.right)];
      [top, bottom] = [Math.max(top, own.top), Math.min(bottom, own.bottom)];
    }
  }
  return right - left > VISIBLE && bottom - top > VISIBLE ? { left, top, right, bottom, cut } : null;
}

function lines(root: Element): Array<Line & Seen> {
  const found: Array<Line & Seen> = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent?.trim() ?? '';
    const parent = walker.currentNode.parentElement;
    if (!text || !parent || !parent.checkVisibility({ opacityProperty: true, visibilityProperty: true })) {
      continue;
    }
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    // Lines of one text lie where the browser puts them; one that is cut off has a box for its ellipsis, too.
    for (const box of range.getClientRects()) {
      const seen = clipped(box, parent);
      if (seen) {
        found.push({ node: walker.currentNode, text: text.slice(0, 60), ...seen });
      }
    }
  }
  return found;
}

/** Elements with text of their own that is wider than they are. Those of one pixel are for screen readers. */
function cutOff(root: Element): string[] {
  const found: string[] = [];
  for (const element of root.querySelectorAll('*')) {
    const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim());
    if (own && element.clientWidth > 1 && element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX !== 'visible') {
      found.push((element.textContent ?? '').trim().slice(0, 60));
    }
  }
  for (const element of root.querySelectorAll('svg text, svg title')) {
    if (element.textContent?.endsWith('…')) {
      found.push(element.textContent);
    }
  }
  return found;
}

export function geometry(root: Element, width: number): Geometry {
  const all = lines(root);
  const overlapping: string[] = [];
  all.forEach((one, index) => {
    for (const other of all.slice(index + 1)) {
      const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      if (one.node !== other.node && across > VISIBLE && down > DOWN) {
        overlapping.push(`${one.text} / ${other.text}`);
      }
    }
  });
  const outside = all.filter(({ left, right }) => left < -VISIBLE || right > width + VISIBLE).map(({ text }) => text);
  const hidden = all.filter(({ cut }) => cut).map(({ text }) => text);
  return { overlapping, cut: [...new Set([...cutOff(root), ...hidden])], outside };
}
