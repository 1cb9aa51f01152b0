// Panels that @grafana/ui has a component for.
import {
  FieldType,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  VizOrientation,
  type DataFrame,
  type FieldDisplay,
  type GrafanaTheme2,
  type TimeRange,
} from '@grafana/data';
import { BigValue, BigValueTextMode, TimeSeries, VizRepeater, type UPlotConfigBuilder, type VizRepeaterRenderValueProps } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { useLayoutEffect } from 'react';
import type uPlot from 'uplot';
import type { Panel } from './model';
import type { Mark } from './prepare';

export interface DrawProps {
  panel: Panel;
  data: DataFrame[];
  width: number;
  height: number;
  range: TimeRange;
  theme: GrafanaTheme2;
  marks: Mark[];
  replace: (text: string) => string;
}

export function TimeSeriesPanel({ panel, data, width, height, range, theme, marks }: DrawProps) {
  return (
    <TimeSeries
      frames={data}
      width={width}
      height={height}
      timeRange={range}
      timeZone="utc"
      legend={panel.options['legend']}
      options={panel.options}
    >
      {(config) => <Marks config={config} marks={marks} theme={theme} />}
    </TimeSeries>
  );
}

/** Annotations, drawn plainly: a dashed line where one begins, and a bar below the graph for as long as it lasts. */
function Marks({ config, marks, theme }: { config: UPlotConfigBuilder; marks: Mark[]; theme: GrafanaTheme2 }) {
  useLayoutEffect(() => {
    config.addHook('draw', (u: uPlot) => {
      const { left, top, width, height } = u.bbox;
      const context = u.ctx;
      context.save();
      context.beginPath();
      context.rect(left, top, width, height + 4);
      context.clip();
      for (const mark of marks) {
        const colour = theme.visualization.getColorByName(mark.colour);
        const from = u.valToPos(mark.from, 'x', true);
        const to = u.valToPos(mark.to, 'x', true);
        context.fillStyle = context.strokeStyle = colour;
        context.globalAlpha = 0.8;
        context.setLineDash([3, 3]);
        context.beginPath();
        context.moveTo(from, top);
        context.lineTo(from, top + height);
        context.stroke();
        context.globalAlpha = 0.5;
        context.fillRect(from, top + height, Math.max(to - from, 2), 3);
      }
      context.restore();
    });
  }, [config, marks, theme]);
  return null;
}

function displays({ panel, data, replace, theme }: DrawProps): FieldDisplay[] {
  const { reduceOptions, graphMode, showPercentChange } = panel.options;
  return getFieldDisplayValues({
    fieldConfig: panel.fieldConfig,
    reduceOptions,
    replaceVariables: replace,
    theme,
    data,
    sparkline: Boolean(graphMode) && graphMode !== 'none',
    percentChange: showPercentChange,
    timeZone: 'utc',
  });
}

function orientation(name: string): VizOrientation {
  return { auto: VizOrientation.Auto, horizontal: VizOrientation.Horizontal, vertical: VizOrientation.Vertical }[name] ?? VizOrientation.Auto;
}

export function StatPanel(props: DrawProps) {
  const { panel, data, width, height, theme } = props;
  const options = panel.options as any;
  const draw = ({ value, alignmentFactors, width, height, count }: VizRepeaterRenderValueProps<FieldDisplay, any>) => (
    <BigValue
      value={value.display}
      count={count}
      sparkline={value.sparkline}
      colorMode={options.colorMode}
      graphMode={options.graphMode}
      justifyMode={options.justifyMode}
      textMode={options.textMode === 'auto' && count === 1 ? BigValueTextMode.Value : options.textMode}
      alignmentFactors={alignmentFactors}
      text={options.text}
      width={width}
      height={height}
      theme={theme}
    />
  );
  return (
    <VizRepeater
      getValues={() => displays(props)}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={draw}
      width={width}
      height={height}
      source={data}
      itemSpacing={3}
      renderCounter={0}
      autoGrid
      orientation={orientation(options.orientation)}
    />
  );
}

export function TablePanel({ panel, data, width, height, range }: DrawProps) {
  const options = panel.options as any;
  const frame = data[options.frameIndex ?? 0];
  if (!frame) {
    return null;
  }
  return (
    <TableNG
      data={frame}
      width={width}
      height={height}
      noHeader={!options.showHeader}
      sortBy={options.sortBy}
      cellHeight={options.cellHeight}
      timeRange={range}
      fieldConfig={panel.fieldConfig}
      structureRev={1}
      enableVirtualization={false}
      getActions={() => []}
    />
  );
}

/** Whether a panel has nothing to show but its frame. */
export function empty(data: DataFrame[]): boolean {
  return !data.some((frame) =>
    frame.fields.some(
      ({ type, values }) =>
        type !== FieldType.time && values.some((value) => (typeof value === 'number' ? Number.isFinite(value) : value !== null && value !== undefined && value !== ''))
    )
  );
}
