// What the plainly drawn panels share: a time axis, labels that fit, a place for their legend.
import { dateTimeFormat, type GrafanaTheme2, type TimeRange } from '@grafana/data';
import { LegendDisplayMode } from '@grafana/schema';
import { measureText, VizLegend, VizLayout, type VizLegendItem } from '@grafana/ui';
import type { ReactNode } from 'react';

export const FONT = 12;
/** Letters are as far apart as where they are measured. */
export const SVG = { display: 'block', letterSpacing: 0 };

export function textWidth(text: string): number {
  return measureText(text, FONT).width;
}

/** A text that is at most `width` wide, cut with an ellipsis. */
export function fitting(text: string, width: number): string {
  if (textWidth(text) <= width) {
    return text;
  }
  let length = text.length - 1;
  while (length > 0 && textWidth(`${text.slice(0, length)}…`) > width) {
    length -= 1;
  }
  return `${text.slice(0, length)}…`;
}

/** Every so many milliseconds, at least 70 pixels apart. */
function ticks(range: TimeRange, width: number): number[] {
  const [from, to] = [range.from.valueOf(), range.to.valueOf()];
  const minutes = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080];
  const step = 60_000 * (minutes.find((one) => ((one * 60_000) / (to - from)) * width >= 70) ?? 43_200);
  const first = Math.ceil(from / step) * step;
  return Array.from({ length: Math.floor((to - first) / step) + 1 }, (_, index) => first + index * step);
}

interface TimeAxisProps {
  range: TimeRange;
  left: number;
  width: number;
  top: number;
  bottom: number;
  theme: GrafanaTheme2;
}

export function TimeAxis({ range, left, width, top, bottom, theme }: TimeAxisProps) {
  const span = range.to.valueOf() - range.from.valueOf();
  const format = span > 2 * 86_400_000 ? 'MM-DD' : 'HH:mm';
  return (
    <g fontSize={FONT} fill={theme.colors.text.primary} textAnchor="middle">
      {ticks(range, width).map((time) => {
        const x = left + ((time - range.from.valueOf()) / span) * width;
        const text = dateTimeFormat(time, { format, timeZone: 'utc' });
        const half = textWidth(text) / 2;
        return (
          <g key={time}>
            <line x1={x} x2={x} y1={top} y2={bottom} stroke={theme.colors.border.weak} />
            {x - half >= 0 && x + half <= left + width + 4 && (
              <text x={x} y={bottom + 16}>
                {text}
              </text>
            )}
          </g>
        );
      })}
    </g>
  );
}

interface WithLegendProps {
  width: number;
  height: number;
  items: VizLegendItem[];
  options: any;
  children: (width: number, height: number) => ReactNode;
}

export function WithLegend({ width, height, items, options, children }: WithLegendProps) {
  if (!options.showLegend || items.length === 0) {
    return <>{children(width, height)}</>;
  }
  if (options.displayMode !== LegendDisplayMode.List) {
    throw new Error(`a legend of mode ${options.displayMode} is not drawn here`);
  }
  const legend = (
    <VizLayout.Legend placement={options.placement} maxHeight="35%" maxWidth="60%">
      <VizLegend placement={options.placement} items={items} displayMode={options.displayMode} readonly />
    </VizLayout.Legend>
  );
  return (
    <VizLayout width={width} height={height} legend={legend}>
      {(innerWidth: number, innerHeight: number) => <>{children(innerWidth, innerHeight)}</>}
    </VizLayout>
  );
}
