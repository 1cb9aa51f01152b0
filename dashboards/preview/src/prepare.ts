// From a panel's queries to what its picture is drawn of: asked, transformed, and with units, colours and names applied.
import {
  applyFieldOverrides,
  cacheFieldDisplayNames,
  dataLinksOverrideProcessor,
  displayNameOverrideProcessor,
  FieldConfigOptionsRegistry,
  FieldType,
  identityOverrideProcessor,
  numberOverrideProcessor,
  standardTransformers,
  standardTransformersRegistry,
  thresholdsOverrideProcessor,
  transformDataFrame,
  unitOverrideProcessor,
  valueMappingsOverrideProcessor,
  type DataFrame,
  type FieldConfigPropertyItem,
  type GrafanaTheme2,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';
import { KNOWN } from './known';
import type { Annotation, Panel } from './model';
import { frames, type Prometheus } from './prometheus';
import type { Scoped, Variables } from './variables';

const PROCESSORS: Record<string, (value: any, context: any) => any> = {
  unit: unitOverrideProcessor,
  min: numberOverrideProcessor,
  max: numberOverrideProcessor,
  fieldMinMax: identityOverrideProcessor,
  decimals: numberOverrideProcessor,
  displayName: displayNameOverrideProcessor,
  noValue: identityOverrideProcessor,
  thresholds: thresholdsOverrideProcessor,
  mappings: valueMappingsOverrideProcessor,
  links: dataLinksOverrideProcessor,
  color: identityOverrideProcessor,
  filterable: identityOverrideProcessor,
};

/** Some of Grafana's defaults, as its panels have them. */
const DEFAULTS: Record<string, unknown> = { mappings: [], thresholds: { mode: 'absolute', steps: [{ value: -Infinity, color: 'green' }, { value: 80, color: 'red' }] } };

export function useStandardTransformers(): void {
  standardTransformersRegistry.setInit(() =>
    [...new Map(Object.values(standardTransformers).map((one) => [one.id, one])).values()].map((one) => ({
      id: one.id,
      name: one.name,
      transformation: () => Promise.resolve(one),
      editor: () => null,
      imageDark: '',
      imageLight: '',
    }))
  );
}

function registry(type: string): FieldConfigOptionsRegistry {
  const item = (id: string, path: string, isCustom: boolean, process: (value: any, context: any) => any): FieldConfigPropertyItem => ({
    id,
    path,
    name: id,
    isCustom,
    process,
    defaultValue: DEFAULTS[id],
    shouldApply: () => true,
    override: () => null,
    editor: () => null,
  });
  const customs = [...new Set((KNOWN[type]?.custom ?? []).map((path) => path.split('.')[0] ?? path))];
  return new FieldConfigOptionsRegistry(() => [
    ...Object.entries(PROCESSORS).map(([id, process]) => item(id, id, false, process)),
    ...customs.map((path) => item(`custom.${path}`, path, true, identityOverrideProcessor)),
  ]);
}

/** What a panel's queries answer, ready to be drawn; `points` is how many there are room for. */
export async function load(
  panel: Panel,
  scoped: Scoped,
  points: number,
  prometheus: Prometheus,
  variables: Variables,
  theme: GrafanaTheme2
): Promise<DataFrame[]> {
  const targets = (panel.targets ?? []).filter((target) => !target.hide);
  const answers = await Promise.all(
    targets.map(async (target) => {
      const { step, macros } = prometheus.steps(panel.maxDataPoints ?? points, { ...target, interval: target.interval ?? panel.interval });
      const expression = variables.expression(target.expr, scoped, macros);
      const legendFormat = variables.text(target.legendFormat ?? '', scoped);
      if (target.instant === target.range) {
        throw new Error(`query ${target.refId}: either instant or range, one of both`);
      }
      const answer = target.instant ? await prometheus.instant(expression) : await prometheus.over(expression, step);
      return frames(answer, { ...target, legendFormat }, expression, targets.length > 1, target.instant ? undefined : step);
    })
  );
  const replace = (text: string) => variables.text(text, scoped);
  const transformed = await lastValueFrom(transformDataFrame(panel.transformations ?? [], answers.flat(), { interpolate: replace }));
  const prepared = applyFieldOverrides({
    data: transformed,
    fieldConfig: panel.fieldConfig,
    fieldConfigRegistry: registry(panel.type),
    replaceVariables: (text) => variables.link(text, scoped),
    theme,
    timeZone: 'utc',
  });
  cacheFieldDisplayNames(prepared);
  return prepared;
}

/** How many series or rows have a number or a text to show. */
export function shown(data: DataFrame[]): number {
  const seen = (value: unknown) => typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value));
  const filled = data.flatMap((frame) => frame.fields.filter((field) => field.type !== FieldType.time && field.values.some(seen)));
  return filled.length;
}

export interface Mark {
  from: number;
  to: number;
  colour: string;
  name: string;
}

/** The dashboard's annotations: spans of time (milliseconds) in which their queries have series. */
export async function marks(list: Annotation[], prometheus: Prometheus, variables: Variables): Promise<Mark[]> {
  const found = await Promise.all(
    list
      .filter((one) => one.enable && one.target && !one.builtIn)
      .map(async (one) => {
        const { step, macros } = prometheus.steps(1000, { interval: one.target?.interval });
        const answer = await prometheus.over(variables.expression(one.target?.expr ?? '', {}, macros), step);
        return (answer.result as Array<{ values: Array<[number, string]> }>).flatMap(({ values }) => spans(values, step, one));
      })
  );
  return found.flat();
}

function spans(values: Array<[number, string]>, step: number, { iconColor, name }: Annotation): Mark[] {
  const all: Mark[] = [];
  for (const [time, value] of values) {
    const last = all[all.length - 1];
    if (Number(value) === 0 || !Number.isFinite(Number(value))) {
      continue;
    }
    if (last && time * 1000 - last.to <= step * 1000 + 1) {
      last.to = time * 1000;
    } else {
      all.push({ from: time * 1000, to: time * 1000, colour: iconColor, name });
    }
  }
  return all;
}
