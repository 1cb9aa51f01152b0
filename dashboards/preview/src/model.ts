// What is read of a dashboard's JSON, and what the driver asks for in the page's address.
import type { DataTransformerConfig, FieldConfigSource } from '@grafana/data';

export interface Target {
  refId: string;
  expr: string;
  format: 'time_series' | 'table' | 'heatmap';
  instant: boolean;
  range: boolean;
  legendFormat: string;
  interval?: string;
  intervalFactor?: number;
  hide?: boolean;
}

export interface GridPos {
  h: number;
  w: number;
  x: number;
  y: number;
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: GridPos;
  targets?: Target[];
  options: Record<string, any>;
  fieldConfig: FieldConfigSource;
  transformations?: DataTransformerConfig[];
  interval?: string;
  maxDataPoints?: number;
  repeat?: string;
  repeatDirection?: 'h' | 'v';
  maxPerRow?: number;
  collapsed?: boolean;
  panels?: Panel[];
  links?: unknown[];
  transparent?: boolean;
}

export interface VariableModel {
  name: string;
  label?: string;
  type: string;
  query: string | { query: string };
  regex?: string;
  sort?: number;
  multi?: boolean;
  includeAll?: boolean;
  allValue?: string;
  hide?: number;
  current?: { value?: string | string[] };
}

export interface Annotation {
  name: string;
  enable: boolean;
  iconColor: string;
  builtIn?: number;
  hide?: boolean;
  target?: { expr: string; interval?: string };
}

export interface DashboardModel {
  uid: string;
  title: string;
  time: { from: string; to: string };
  panels: Panel[];
  templating: { list: VariableModel[] };
  annotations: { list: Annotation[] };
  links?: Array<{ title: string; type: string }>;
}

/** What the driver asks for. `now` is in seconds since the epoch. */
export interface Request {
  dashboard: string;
  now: number;
  scrapeSeconds: number;
  theme: 'dark' | 'light';
  /** Values of variables; those of `single` only where one value can be chosen. */
  chosen: Record<string, string>;
  single: Record<string, string>;
}

export function readRequest(search: string): Request {
  const asked = new URLSearchParams(search);
  const named = (prefix: string) =>
    Object.fromEntries([...asked].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => [key.slice(prefix.length), value]));
  return {
    dashboard: asked.get('dashboard') ?? '',
    now: Number(asked.get('now')),
    scrapeSeconds: Number(asked.get('scrape')),
    theme: asked.get('theme') === 'light' ? 'light' : 'dark',
    chosen: named('var-'),
    single: named('single-'),
  };
}
