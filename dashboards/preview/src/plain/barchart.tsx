// Bar chart, drawn plainly: groups of upright bars, a group for each row, a bar for each number in it.
import { FieldType, formattedValueToString, getFieldDisplayName, getFieldSeriesColor, type Field } from '@grafana/data';
import type { DrawProps } from '../panels';
import { FONT, SVG, fitting, textWidth, WithLegend } from './axis';

const AXIS = 24;

/** From 0 to at least `high` in about five even steps. */
function scale(low: number, high: number): number[] {
  const raw = (high - low || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((one) => one * power >= raw) ?? 10);
  const first = Math.floor(low / step);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

export function BarChartPanel({ panel, data, width, height, theme }: DrawProps) {
  const options = panel.options as any;
  if (options.stacking !== 'none' || options.showValue !== 'never' || !['auto', 'vertical'].includes(options.orientation) || options.xTickLabelRotation) {
    throw new Error('bars that are stacked, lie, or have values or turned labels, are not drawn here');
  }
  const frame = data[0];
  if (!frame) {
    return null;
  }
  const name = (field: Field) => getFieldDisplayName(field, frame, data);
  const labels = options.xField
    ? frame.fields.find((field) => name(field) === options.xField || field.name === options.xField)
    : frame.fields.find((field) => field.type === FieldType.string);
  if (!labels) {
    throw new Error(`no field ${options.xField}; there are: ${frame.fields.map(name).join(', ')}`);
  }
  const series = frame.fields.filter((field) => field.type === FieldType.number && field !== labels && !field.config.custom?.hideFrom?.viz);
  const items = series.map((field) => ({ label: name(field), color: getFieldSeriesColor(field, theme).color, yAxis: 1 }));
  return (
    <WithLegend width={width} height={height} items={items} options={options.legend}>
      {(inner, tall) => <Bars labels={labels} series={series} options={options} width={inner} height={tall} theme={theme} />}
    </WithLegend>
  );
}

interface BarsProps extends Pick<DrawProps, 'width' | 'height' | 'theme'> {
  labels: Field;
  series: Field[];
  options: any;
}

function Bars({ labels, series, options, width, height, theme }: BarsProps) {
  const values = series.flatMap((field) => (field.values as number[]).filter(Number.isFinite));
  const { min, max } = series[0]?.config ?? {};
  const marks = scale(min ?? Math.min(0, ...values), max ?? Math.max(0, ...values));
  const [low, high] = [marks[0] ?? 0, marks[marks.length - 1] ?? 1];
  const shown = (value: number) => {
    const display = series[0]?.display?.(value);
    return display ? formattedValueToString(display) : String(value);
  };
  const left = Math.max(0, ...marks.map((mark) => textWidth(shown(mark)))) + 10;
  const [plot, bottom] = [width - left, height - AXIS];
  const y = (value: number) => 6 + (bottom - 6) * (1 - (value - low) / (high - low));
  const group = plot / Math.max(labels.values.length, 1);
  const texts = (labels.values as unknown[]).map((value) => {
    const display = labels.display?.(value);
    const whole = display ? formattedValueToString(display) : String(value);
    return whole.length > options.xTickLabelMaxLength ? `${whole.slice(0, options.xTickLabelMaxLength)}…` : whole;
  });
  const every = Math.max(1, Math.ceil((Math.min(90, Math.max(...texts.map(textWidth))) + 8) / group));
  const bar = (group * options.groupWidth) / Math.max(series.length, 1);
  return (
    <svg width={width} height={height} fontFamily={theme.typography.fontFamily} fontSize={FONT} style={SVG}>
      {marks.map((mark) => (
        <g key={mark}>
          <line x1={left} x2={width} y1={y(mark)} y2={y(mark)} stroke={theme.colors.border.weak} />
          <text x={left - 6} y={y(mark) + FONT / 3} textAnchor="end" fill={theme.colors.text.primary}>
            {shown(mark)}
          </text>
        </g>
      ))}
      {texts.map((text, index) => (
        <g key={index}>
          {series.map((field, place) => {
            const value = field.values[index] as number;
            if (!Number.isFinite(value)) {
              return null;
            }
            const colour = getFieldSeriesColor(field, theme).color;
            const start = left + index * group + (group * (1 - options.groupWidth)) / 2 + place * bar;
            return (
              <rect
                key={place}
                x={start}
                y={Math.min(y(value), y(Math.max(low, 0)))}
                width={Math.max(bar * options.barWidth, 1)}
                height={Math.abs(y(value) - y(Math.max(low, 0)))}
                fill={colour}
                fillOpacity={(field.config.custom?.fillOpacity ?? 80) / 100}
                stroke={colour}
                strokeWidth={field.config.custom?.lineWidth ?? 1}
              />
            );
          })}
          {index % every === 0 && (
            <text x={left + (index + 0.5) * group} y={bottom + 16} textAnchor="middle" fill={theme.colors.text.primary}>
              {fitting(text, every * group - 4)}
            </text>
          )}
        </g>
      ))}
    </svg>
  );
}
