// Heatmap of buckets, drawn plainly: a column for each step of time, a row for each bucket.
import { FieldType, formattedValueToString, getValueFormat, type GrafanaTheme2 } from '@grafana/data';
import * as chromatic from 'd3-scale-chromatic';
import type { DrawProps } from '../panels';
import { FONT, SVG, textWidth, TimeAxis } from './axis';

const AXIS = 24;
const LEGEND = 30;
/** Schemes that Grafana turns round on a dark background, so that what is rare is dark. */
const TURNED = [
  'Blues', 'Greens', 'Greys', 'Oranges', 'Purples', 'Reds', 'BuGn', 'BuPu', 'GnBu', 'OrRd', 'PuBuGn', 'PuBu', 'PuRd', 'RdPu', 'YlGnBu', 'YlGn', 'YlOrBr',
  'YlOrRd',
];

/** Colours of shares in [0, 1], from none to the most. */
function colours(options: any, theme: GrafanaTheme2): (share: number) => string {
  if (options.mode === 'opacity') {
    const fill = theme.visualization.getColorByName(options.fill);
    const power = options.scale === 'exponential' ? options.exponent : 1;
    return (share) => `color-mix(in srgb, ${fill} ${100 * share ** power}%, transparent)`;
  }
  const interpolate = (chromatic as any)[`interpolate${options.scheme}`] as ((share: number) => string) | undefined;
  if (options.mode !== 'scheme' || !interpolate) {
    throw new Error(`colours of mode ${options.mode}, scheme ${options.scheme}, are not drawn here`);
  }
  const turned = (TURNED.includes(options.scheme) && theme.isDark) !== Boolean(options.reverse);
  const steps = options.steps - 1;
  return (share) => {
    const stepped = Math.round(share * steps) / steps;
    return interpolate(turned ? 1 - stepped : stepped);
  };
}

export function HeatmapPanel({ panel, data, width, height, range, theme }: DrawProps) {
  const options = panel.options as any;
  if (options.calculate || options.showValue !== 'never') {
    throw new Error('heatmaps that are calculated, or with values in their cells, are not drawn here');
  }
  const frame = data[0];
  const time = frame?.fields.find((field) => field.type === FieldType.time);
  if (!frame || !time) {
    return null;
  }
  const buckets = frame.fields.filter((field) => field.type === FieldType.number);
  const step = time.config.interval ?? 60_000;
  const format = getValueFormat(options.yAxis.unit ?? 'short');
  const names = buckets.map(({ name }) => {
    const bound = Number(name);
    return name.trim() !== '' && Number.isFinite(bound) ? formattedValueToString(format(bound, options.yAxis.decimals)) : name;
  });
  const least = options.filterValues?.le ?? -Infinity;
  const values = buckets.flatMap((field) => field.values as number[]).filter((value) => value > least && Number.isFinite(value));
  const [low, high] = [options.color.min ?? Math.min(...values, Infinity), options.color.max ?? Math.max(...values, -Infinity)];
  const colour = colours(options.color, theme);
  const legend = options.legend.show ? LEGEND : 0;
  const left = Math.max(...names.map(textWidth)) + 10;
  const [plot, bottom] = [width - left - 8, height - AXIS - legend];
  const each = bottom / buckets.length;
  const every = Math.ceil((FONT + 4) / each);
  const [from, to] = [range.from.valueOf(), range.to.valueOf()];
  const x = (stamp: number) => left + ((Math.min(Math.max(stamp, from), to) - from) / (to - from)) * plot;
  const gap = options.cellGap ?? 1;
  const count = getValueFormat(options.cellValues?.unit ?? 'short');
  const shown = (value: number) => formattedValueToString(count(value, options.cellValues?.decimals));
  return (
    <svg width={width} height={height} fontFamily={theme.typography.fontFamily} fontSize={FONT} style={SVG}>
      <TimeAxis range={range} left={left} width={plot} top={0} bottom={bottom} theme={theme} />
      {buckets.map((field, index) => {
        const top = options.yAxis.reverse ? index * each : bottom - (index + 1) * each;
        return (
          <g key={field.name}>
            {index % every === 0 && (top + FONT / 3 >= FONT - 2 || each > FONT + 6) && (
              <text x={left - 8} y={Math.max(top + FONT / 3, FONT - 2)} textAnchor="end" fill={theme.colors.text.primary}>
                {names[index]}
              </text>
            )}
            {(field.values as number[]).map((value, place) => {
              const stamp = time.values[place] as number;
              if (!(value > least) || stamp <= from) {
                return null;
              }
              const share = high > low ? (value - low) / (high - low) : 1;
              const [start, end] = [x(stamp - step), x(stamp)];
              return (
                <rect key={stamp} x={start} y={top} width={Math.max(end - start - gap, 0.5)} height={Math.max(each - gap, 0.5)} fill={colour(share)} />
              );
            })}
          </g>
        );
      })}
      {legend > 0 && values.length > 0 && (
        <g transform={`translate(${left}, ${height - 18})`} fill={theme.colors.text.primary}>
          {Array.from({ length: 50 }, (_, index) => (
            <rect key={index} x={textWidth(shown(low)) + 6 + index * 3} y={2} width={3} height={8} fill={colour(index / 49)} />
          ))}
          <text x={0} y={FONT - 2}>
            {shown(low)}
          </text>
          <text x={textWidth(shown(low)) + 162} y={FONT - 2}>
            {shown(high)}
          </text>
        </g>
      )}
    </svg>
  );
}
