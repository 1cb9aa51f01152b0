// State timeline, drawn plainly: a row for each series, coloured by value.
import {
  FieldType,
  formattedValueToString,
  getFieldDisplayName,
  MappingType,
  ThresholdsMode,
  type DataFrame,
  type Field,
  type GrafanaTheme2,
} from '@grafana/data';
import type { VizLegendItem } from '@grafana/ui';
import type { DrawProps } from '../panels';
import { FONT, SVG, fitting, textWidth, TimeAxis, WithLegend } from './axis';

interface Row {
  name: string;
  field: Field;
  times: number[];
  step: number;
}

interface Cell {
  from: number;
  to: number;
  value: unknown;
}

const AXIS = 24;
/** Share of the width that names may take, on wide panels and on narrow ones. */
const LABELS = { wide: 0.35, narrow: 0.5 };
const NARROW = 500;
/** Height from which on a row has its name, in smaller letters where it must be. */
const SMALLEST = 10;
/** Rows at a time, as Grafana pages them. */
const PAGE = 20;

function rows(data: DataFrame[]): Row[] {
  return data.flatMap((frame) => {
    const time = frame.fields.find((field) => field.type === FieldType.time);
    const values = frame.fields.filter((field) => field.type !== FieldType.time && !field.config.custom?.hideFrom?.viz);
    return values.map((field) => ({
      name: getFieldDisplayName(field, frame, data),
      field,
      times: (time?.values ?? []) as number[],
      step: time?.config.interval ?? 60_000,
    }));
  });
}

/** Each value until the next one, or for one step; where neighbours are merged, those do that are equal or on the same step. */
function cells({ field, times, step }: Row, merge: boolean): Cell[] {
  const found: Cell[] = [];
  const colours = field.config.color?.mode === 'thresholds';
  const alike = (one: unknown, other: unknown) =>
    one === other || (colours && typeof one === 'number' && field.display?.(one).color === field.display?.(other).color);
  times.forEach((from, index) => {
    const value: unknown = field.values[index];
    if (value === null || value === undefined) {
      return;
    }
    const to = Math.min(times[index + 1] ?? from + step, from + step);
    const last = found[found.length - 1];
    if (merge && last && last.to >= from && alike(last.value, value)) {
      last.to = to;
    } else {
      found.push({ from, to, value });
    }
  });
  return found;
}

/** Mapped values and steps of thresholds, as far as the panel's fields are coloured by them. */
function legend(all: Row[], theme: GrafanaTheme2): VizLegendItem[] {
  const field = all[0]?.field;
  if (!field) {
    return [];
  }
  const named = new Map<string, string>();
  for (const mapping of field.config.mappings ?? []) {
    if (mapping.type === MappingType.ValueToText) {
      for (const { text, color } of Object.values(mapping.options)) {
        named.set(text ?? '', theme.visualization.getColorByName(color ?? 'text'));
      }
    } else if (mapping.type === MappingType.RangeToText) {
      named.set(mapping.options.result.text ?? '', theme.visualization.getColorByName(mapping.options.result.color ?? 'text'));
    } else {
      throw new Error(`a mapping of type ${mapping.type} is not drawn here`);
    }
  }
  const { mode } = field.config.color ?? {};
  if (named.size === 0 && mode === 'thresholds') {
    const percent = field.config.thresholds?.mode === ThresholdsMode.Percentage ? '%' : '';
    const steps = field.config.thresholds?.steps ?? [];
    steps.forEach(({ value, color }, index) => {
      const shown = (one: number) => (percent ? `${one}%` : formattedValueToString(field.display?.(one) ?? { text: String(one), numeric: one }));
      const next = steps[index + 1];
      const text = Number.isFinite(value) && value !== null ? `${shown(value)}+` : next ? `< ${shown(next.value)}` : 'any';
      named.set(text, theme.visualization.getColorByName(color));
    });
  }
  return [...named].filter(([label]) => label).map(([label, color]) => ({ label, color, yAxis: 1 }));
}

export function TimelinePanel({ panel, data, width, height, range, theme }: DrawProps) {
  const options = panel.options as any;
  const all = rows(data);
  const pages = Math.ceil(all.length / (options.perPage ?? PAGE));
  const items = legend(all, theme);
  const paged = pages > 1 ? [...items, { label: `page 1 of ${pages}`, color: 'transparent', yAxis: 1 }] : items;
  return (
    <WithLegend width={width} height={height} items={paged} options={options.legend}>
      {(inner, tall) => (
        <Timeline
          all={all.slice(0, options.perPage ?? PAGE)}
          merge={options.mergeValues}
          share={options.rowHeight}
          show={options.showValue !== 'never'}
          width={inner}
          height={tall}
          range={range}
          theme={theme}
        />
      )}
    </WithLegend>
  );
}

interface TimelineProps extends Pick<DrawProps, 'width' | 'height' | 'range' | 'theme'> {
  all: Row[];
  merge: boolean;
  share: number;
  show: boolean;
}

function Timeline({ all, merge, share, show, width, height, range, theme }: TimelineProps) {
  const left = Math.min((width < NARROW ? LABELS.narrow : LABELS.wide) * width, Math.max(0, ...all.map(({ name }) => textWidth(name))) + 10);
  const [plot, bottom] = [width - left - 8, height - AXIS];
  const each = bottom / Math.max(all.length, 1);
  const [from, to] = [range.from.valueOf(), range.to.valueOf()];
  const x = (time: number) => left + ((Math.min(Math.max(time, from), to) - from) / (to - from)) * plot;
  return (
    <svg width={width} height={height} fontFamily={theme.typography.fontFamily} style={SVG}>
      <TimeAxis range={range} left={left} width={plot} top={0} bottom={bottom} theme={theme} />
      {all.map((row, index) => {
        const top = index * each + (each * (1 - share)) / 2;
        const tall = each * share;
        const custom = row.field.config.custom ?? {};
        return (
          <g key={row.name}>
            {each >= SMALLEST && (
              <text x={left - 8} y={top + tall / 2 + FONT / 3} fontSize={Math.min(FONT, each - 1)} textAnchor="end" fill={theme.colors.text.primary}>
                {fitting(row.name, left - 10)}
              </text>
            )}
            {each < SMALLEST && <title>{`${row.name}: too low for its name…`}</title>}
            {cells(row, merge).map(({ from: start, to: end, value }) => {
              const shown = row.field.display?.(value);
              const wide = Math.max(x(end) - x(start), 1);
              const text = shown ? formattedValueToString(shown) : '';
              return (
                <g key={start}>
                  <rect x={x(start)} y={top} width={wide} height={tall} fill={shown?.color} fillOpacity={(custom.fillOpacity ?? 70) / 100} />
                  {show && textWidth(text) + 6 < wide && (
                    <text x={x(start) + 3} y={top + tall / 2 + FONT / 3} fontSize={FONT} fill={theme.colors.text.maxContrast}>
                      {text}
                    </text>
                  )}
                </g>
              );
            })}
          </g>
        );
      })}
    </svg>
  );
}
