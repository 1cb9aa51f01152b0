// Prometheus's HTTP API, by way of the driver, and its answers as data frames as Grafana's data source makes them.
import { createDataFrame, DataFrameType, FieldType, rangeUtil, type DataFrame, type Field, type TimeRange } from '@grafana/data';
import type { Target } from './model';

interface Answer {
  resultType: 'matrix' | 'vector' | 'scalar' | 'string';
  result: any;
}

interface Sample {
  metric: Record<string, string>;
  points: Array<[number, string]>;
}

export class Prometheus {
  constructor(
    private readonly base: string,
    readonly range: TimeRange,
    readonly scrapeSeconds: number
  ) {}

  async labelValues(label: string, selector?: string): Promise<string[]> {
    const parameters = new URLSearchParams({ start: String(this.range.from.unix()), end: String(this.range.to.unix()) });
    if (selector) {
      parameters.append('match[]', selector);
    }
    return this.get(`label/${label}/values`, parameters);
  }

  instant(expression: string): Promise<Answer> {
    return this.get('query', new URLSearchParams({ query: expression, time: String(this.range.to.unix()) }));
  }

  /** From `start` on, both of it in steps of the same phase as everybody's, as Grafana aligns them. */
  over(expression: string, step: number): Promise<Answer> {
    const start = Math.floor(this.range.from.unix() / step) * step;
    const end = Math.floor(this.range.to.unix() / step) * step;
    return this.get('query_range', new URLSearchParams({ query: expression, start: String(start), end: String(end), step: String(step) }));
  }

  private async get(path: string, parameters: URLSearchParams): Promise<any> {
    const answer = await fetch(`${this.base}/api/v1/${path}?${parameters}`);
    const body = await answer.json();
    if (body.status !== 'success') {
      throw new Error(`${body.error}: ${parameters.get('query') ?? path}`);
    }
    return body.data;
  }

  /** Step in seconds, and what stands for times in expressions, for a panel that has this many points. */
  steps(points: number, target: Pick<Target, 'interval' | 'intervalFactor'>): { step: number; macros: Record<string, string> } {
    const scrape = this.scrapeSeconds;
    const least = target.interval ? rangeUtil.intervalToSeconds(target.interval) : scrape;
    const { intervalMs } = rangeUtil.calculateInterval(this.range, points, `${least}s`);
    const seconds = (this.range.to.valueOf() - this.range.from.valueOf()) / 1000;
    const step = Math.max(intervalMs / 1000, least, Math.ceil(seconds / 11_000)) * (target.intervalFactor ?? 1);
    const rate = Math.max(step + scrape, 4 * scrape);
    const macros = {
      __interval: `${step}s`,
      __interval_ms: String(step * 1000),
      __rate_interval: `${rate}s`,
      __rate_interval_ms: String(rate * 1000),
      __range: `${seconds}s`,
      __range_s: String(seconds),
      __range_ms: String(seconds * 1000),
    };
    return { step, macros };
  }
}

function samples(answer: Answer): Sample[] {
  switch (answer.resultType) {
    case 'matrix':
      return answer.result.map((one: any) => ({ metric: one.metric, points: one.values }));
    case 'vector':
      return answer.result.map((one: any) => ({ metric: one.metric, points: [one.value] }));
    case 'scalar':
      return [{ metric: {}, points: [answer.result] }];
    default:
      throw new Error(`answers of type ${answer.resultType} are not known`);
  }
}

function number(text: string): number {
  return { '+Inf': Infinity, '-Inf': -Infinity, Inf: Infinity }[text] ?? Number(text);
}

/** The name of a series in the legend; undefined where Grafana finds one by itself. */
function legend(target: Target, metric: Record<string, string>, expression: string): string | undefined {
  if (target.legendFormat && target.legendFormat !== '__auto') {
    return target.legendFormat.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label: string) => metric[label] ?? '');
  }
  return Object.keys(metric).length > 0 ? undefined : expression;
}

/** Frames of one query. `several` is whether the panel has more than one, `step` is undefined where it was asked once. */
export function frames(answer: Answer, target: Target, expression: string, several: boolean, step?: number): DataFrame[] {
  const found = samples(answer);
  switch (target.format) {
    case 'table':
      return [table(found, target, several)];
    case 'heatmap':
      return found.length > 0 ? [heatmap(found, target, step)] : [];
    case 'time_series':
      return found.map((one) => series(one, target, expression, step));
    default:
      throw new Error(`query format ${target.format} is not known`);
  }
}

function times(points: Array<[number, string]>, step?: number): Partial<Field> & { name: string; type: FieldType } {
  return { name: 'Time', type: FieldType.time, config: step ? { interval: step * 1000 } : {}, values: points.map(([time]) => time * 1000) };
}

function series({ metric, points }: Sample, target: Target, expression: string, step?: number): DataFrame {
  const { __name__: name, ...labels } = metric;
  const value = {
    name: 'Value',
    type: FieldType.number,
    config: { displayNameFromDS: legend(target, metric, expression) },
    labels,
    values: points.map(([, text]) => number(text)),
  };
  return createDataFrame({ refId: target.refId, name: name, fields: [times(points, step), value] });
}

function table(found: Sample[], target: Target, several: boolean): DataFrame {
  const rows = found.flatMap(({ metric, points }) => points.map((point) => ({ metric, point })));
  const labels = [...new Set(found.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return createDataFrame({
    refId: target.refId,
    fields: [
      times(rows.map(({ point }) => point)),
      ...labels.map((label) => ({
        name: label,
        type: FieldType.string,
        config: { filterable: true },
        values: rows.map(({ metric }) => metric[label] ?? ''),
      })),
      {
        name: several ? `Value #${target.refId}` : 'Value',
        type: FieldType.number,
        config: {},
        values: rows.map(({ point }) => number(point[1])),
      },
    ],
  });
}

/** One field for each bucket, in the order of their bounds, with what each has beyond the one before. */
function heatmap(found: Sample[], target: Target, step?: number): DataFrame {
  const buckets = [...found].sort((a, b) => number(a.metric['le'] ?? '') - number(b.metric['le'] ?? ''));
  const stamps = [...new Set(buckets.flatMap(({ points }) => points.map(([time]) => time)))].sort((a, b) => a - b);
  const rows = buckets.map(({ points }) => new Map(points.map(([time, text]) => [time, number(text)])));
  return createDataFrame({
    refId: target.refId,
    meta: { type: DataFrameType.HeatmapRows },
    fields: [
      { name: 'Time', type: FieldType.time, config: step ? { interval: step * 1000 } : {}, values: stamps.map((time) => time * 1000) },
      ...buckets.map(({ metric }, place) => ({
        name: metric['le'] ?? '',
        type: FieldType.number,
        config: {},
        labels: metric,
        values: stamps.map((time) => (rows[place]?.get(time) ?? 0) - (place > 0 ? (rows[place - 1]?.get(time) ?? 0) : 0)),
      })),
    ],
  });
}
