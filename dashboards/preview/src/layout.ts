// Where each panel goes: Grafana's grid of 24 columns, and one column on narrow screens.
import type { DashboardModel, GridPos, Panel } from './model';
import type { Scoped, Variables } from './variables';

const COLUMNS = 24;
const GAP = 8;
const CELL = 30;
const NARROW = 769;

/** A panel to draw. `scoped` is the value it is repeated for. */
export interface Placed {
  panel: Panel;
  grid: GridPos;
  scoped: Scoped;
}

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** The panels in their order, those of closed rows and the repeated ones too, with what comes below moved down. */
export function place(dashboard: DashboardModel, variables: Variables): Placed[] {
  const order = (panels: Panel[]) => [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);
  const flat = order(dashboard.panels).flatMap((panel) => [panel, ...order(panel.panels ?? [])]);
  const placed: Placed[] = [];
  let pushed = 0;
  let closed = 0;
  for (const panel of flat) {
    // The grid of a dashboard counts nothing for what a closed row holds.
    if (panel.type === 'row' && panel.panels && panel.panels.length > 0) {
      placed.push(...repeated(panel, pushed + closed, variables).placed);
      closed += Math.max(...panel.panels.map(({ gridPos }) => gridPos.y + gridPos.h)) - panel.gridPos.y - 1;
      continue;
    }
    const inside = dashboard.panels.every((one) => one !== panel);
    const { placed: own, more } = repeated(panel, pushed + (inside ? 0 : closed), variables);
    placed.push(...own);
    pushed += more;
  }
  return placed;
}

/** A panel for each value of the variable it is repeated by, and by how much that is higher than one. */
function repeated(panel: Panel, push: number, variables: Variables): { placed: Placed[]; more: number } {
  const { x, y, w, h } = panel.gridPos;
  const variable = panel.repeat ? variables.get(panel.repeat) : undefined;
  if (!panel.repeat) {
    return { placed: [{ panel, grid: { x, y: y + push, w, h }, scoped: {} }], more: 0 };
  }
  if (!variable || panel.type === 'row') {
    throw new Error(`panel "${panel.title}" cannot be repeated by ${panel.repeat}`);
  }
  const beside = panel.repeatDirection === 'v' ? 1 : Math.min(variable.value.length, panel.maxPerRow ?? 4);
  const width = panel.repeatDirection === 'v' ? w : COLUMNS / beside;
  const placed = variable.value.map((value, index) => ({
    panel,
    grid: {
      x: panel.repeatDirection === 'v' ? x : width * (index % beside),
      y: y + push + h * Math.floor(index / beside),
      w: width,
      h,
    },
    scoped: { [variable.name]: value },
  }));
  return { placed, more: h * (Math.ceil(variable.value.length / beside) - 1) };
}

/** In pixels, on a page that is `width` wide; the last is the height of it all. */
export function boxes(placed: Placed[], width: number, viewport: number): { boxes: Box[]; height: number } {
  let top = 0;
  const found = placed.map(({ grid }): Box => {
    const height = grid.h * CELL + (grid.h - 1) * GAP;
    if (viewport < NARROW) {
      top += height + GAP;
      return { left: 0, top: top - height - GAP, width, height };
    }
    const column = (width - GAP * (COLUMNS - 1)) / COLUMNS;
    return {
      left: grid.x * (column + GAP),
      top: grid.y * (CELL + GAP),
      width: column * grid.w + GAP * (grid.w - 1),
      height,
    };
  });
  return { boxes: found, height: Math.max(0, ...found.map((box) => box.top + box.height)) };
}
