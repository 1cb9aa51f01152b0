// Draws the dashboard that the page's address names, and then says so: window.previewReport.
import { createTheme, dateTime, ThemeContext, type DataFrame, type TimeRange } from '@grafana/data';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { flushSync } from 'react-dom';
import { MemoryRouter } from 'react-router-dom';
import { geometry, type Geometry } from './check';
import { Dashboard, type Filled } from './dashboard';
import { unknown } from './known';
import { boxes, place } from './layout';
import { readRequest, type DashboardModel } from './model';
import { empty } from './panels';
import { load, marks, shown, useStandardTransformers } from './prepare';
import { Prometheus } from './prometheus';
import { Variables } from './variables';

interface PanelReport extends Geometry {
  title: string;
  type: string;
  series: number;
  empty: boolean;
  problem?: string;
}

interface Report {
  problems: string[];
  panels: PanelReport[];
  head: Geometry;
  variables: Record<string, string>;
}

declare global {
  interface Window {
    /** Set as soon as all is drawn, or cannot be. */
    previewReport?: Report;
    /** What there is to be seen once the window is as high as the page: tables draw rows that are in it only. */
    previewMeasure?: () => Promise<Report>;
  }
}

const PADDING = 16;
const NOWHERE: Geometry = { overlapping: [], cut: [], outside: [] };

/** `now-6h` as seconds before now. */
function ago(text: string): number {
  const parts = /^now(?:-(\d+)([mhd]))?$/.exec(text);
  if (!parts) {
    throw new Error(`time ${text} is not known`);
  }
  return Number(parts[1] ?? 0) * ({ m: 60, h: 3600, d: 86_400 }[parts[2] ?? 'm'] ?? 60);
}

function timeRange(now: number, raw: { from: string; to: string }): TimeRange {
  return { from: dateTime((now - ago(raw.from)) * 1000), to: dateTime((now - ago(raw.to)) * 1000), raw };
}

/** Requests, of icons say, that have no answer yet. */
let pending = 0;
const plainFetch = window.fetch.bind(window);
window.fetch = async (...asked) => {
  pending += 1;
  try {
    return await plainFetch(...asked);
  } finally {
    pending -= 1;
  }
};

/** Fonts and icons are there, and what is drawn on canvases some frames later is drawn. */
async function settled(): Promise<void> {
  await document.fonts.ready;
  for (let quiet = 0; quiet < 5; quiet = pending > 0 ? 0 : quiet + 1) {
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
}

async function draw(): Promise<Report> {
  const request = readRequest(window.location.search);
  const dashboard: DashboardModel = await (await fetch(`/dashboards/${request.dashboard}.json`)).json();
  const problems = unknown(dashboard);
  if (problems.length > 0) {
    return { problems: problems.map((text) => `not known: ${text}`), panels: [], head: NOWHERE, variables: {} };
  }
  useStandardTransformers();
  const theme = createTheme({ colors: { mode: request.theme } });
  const range = timeRange(request.now, dashboard.time);
  const prometheus = new Prometheus('/prometheus', range, request.scrapeSeconds);
  const variables = await Variables.resolve(dashboard, prometheus, request);
  await Promise.all(['12px Inter', '500 12px Inter'].map((font) => document.fonts.load(font)));

  const placed = place(dashboard, variables);
  const viewport = document.documentElement.clientWidth;
  const grid = boxes(placed, viewport - 2 * PADDING, viewport);
  const filled: Filled[] = await Promise.all(
    placed.map(async (one, index) => {
      const title = variables.text(one.panel.title, one.scoped);
      if (one.panel.type === 'row') {
        return { ...one, title, data: [] };
      }
      try {
        const points = Math.floor(grid.boxes[index]?.width ?? viewport);
        return { ...one, title, data: await load(one.panel, one.scoped, points, prometheus, variables, theme) };
      } catch (error) {
        return { ...one, title, data: [] as DataFrame[], problem: String(error) };
      }
    })
  );
  const failures = new Map<number, string>();
  const root = createRoot(document.getElementById('dashboard') as HTMLElement);
  document.body.style.margin = '0';
  document.body.style.background = theme.colors.background.canvas;
  const spans = await marks(dashboard.annotations.list, prometheus, variables);
  flushSync(() =>
    root.render(
      <MemoryRouter>
        <ThemeContext.Provider value={theme}>
          <GlobalStyles />
          <Dashboard
            dashboard={dashboard}
            variables={variables}
            filled={filled}
            boxes={grid.boxes}
            height={grid.height}
            marks={spans}
            range={range}
            theme={theme}
            failed={(index, text) => failures.set(index, text)}
          />
          <PortalContainer />
        </ThemeContext.Provider>
      </MemoryRouter>
    )
  );
  window.previewMeasure = async () => {
    await settled();
    return {
      problems: [],
      panels: filled.flatMap((one, index) => (one.panel.type === 'row' ? [] : [measured(one, index, failures.get(index), viewport)])),
      head: geometry(document.querySelector('[data-head]') as Element, viewport),
      variables: Object.fromEntries(variables.list.map(({ name, all, value }) => [name, all ? 'All' : value.join(' + ')])),
    };
  };
  return window.previewMeasure();
}

function measured({ title, panel, data, problem }: Filled, index: number, failure: string | undefined, viewport: number): PanelReport {
  return {
    title,
    type: panel.type,
    series: shown(data),
    empty: panel.type !== 'text' && empty(data),
    problem: problem ?? failure,
    ...geometry(document.querySelector(`[data-panel="${index}"]`) as Element, viewport),
  };
}

draw()
  .catch((error: Error) => ({ problems: [String(error.stack ?? error)], panels: [], head: NOWHERE, variables: {} }))
  .then((report) => {
    window.previewReport = report;
  });
