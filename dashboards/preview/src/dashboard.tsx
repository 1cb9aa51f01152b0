// The whole dashboard: its head with variables and links, and its panels where they belong.
import { dateTimeFormat, type DataFrame, type GrafanaTheme2, type TimeRange } from '@grafana/data';
import { Icon, PanelChrome } from '@grafana/ui';
import { Component, type ComponentType, type ReactNode } from 'react';
import type { Box, Placed } from './layout';
import type { DashboardModel } from './model';
import { StatPanel, TablePanel, TimeSeriesPanel, empty, type DrawProps } from './panels';
import { BarChartPanel } from './plain/barchart';
import { HeatmapPanel } from './plain/heatmap';
import { TimelinePanel } from './plain/timeline';
import type { Mark } from './prepare';
import type { Variables } from './variables';

const DRAWN: Record<string, ComponentType<DrawProps>> = {
  timeseries: TimeSeriesPanel,
  stat: StatPanel,
  table: TablePanel,
  barchart: BarChartPanel,
  heatmap: HeatmapPanel,
  'state-timeline': TimelinePanel,
};

/** A placed panel with what its queries answered, or what was wrong with them. */
export interface Filled extends Placed {
  title: string;
  data: DataFrame[];
  problem?: string;
}

export interface DashboardProps {
  dashboard: DashboardModel;
  variables: Variables;
  filled: Filled[];
  boxes: Box[];
  height: number;
  marks: Mark[];
  range: TimeRange;
  theme: GrafanaTheme2;
  /** Told of what goes wrong while a panel is drawn, by its place. */
  failed: (place: number, text: string) => void;
}

export function Dashboard({ dashboard, variables, filled, boxes, height, theme, range, marks, failed }: DashboardProps) {
  return (
    <div style={{ background: theme.colors.background.canvas, padding: 16 }}>
      <Head dashboard={dashboard} variables={variables} range={range} theme={theme} />
      <div style={{ position: 'relative', height }}>
        {filled.map((one, place) => {
          const { left, top, width, height: tall } = boxes[place] as Box;
          return (
            <div key={place} data-panel={place} style={{ position: 'absolute', left, top, width, height: tall }}>
              <Guard failed={(text) => failed(place, text)}>
                {one.panel.type === 'row' ? (
                  <Row title={one.title} theme={theme} />
                ) : (
                  <Framed one={one} width={width} height={tall} theme={theme} range={range} marks={marks} variables={variables} />
                )}
              </Guard>
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Head({ dashboard, variables, range, theme }: Pick<DashboardProps, 'dashboard' | 'variables' | 'range' | 'theme'>) {
  const pill = { border: `1px solid ${theme.colors.border.medium}`, borderRadius: theme.shape.radius.default, display: 'flex', height: 32, maxWidth: '100%' };
  const part = { padding: '0 8px', lineHeight: '30px', overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' as const };
  const time = (value: number) => dateTimeFormat(value, { format: 'YYYY-MM-DD HH:mm', timeZone: 'utc' });
  return (
    <div data-head style={{ display: 'flex', flexWrap: 'wrap', gap: 8, alignItems: 'center', marginBottom: 16 }}>
      <h1 style={{ fontSize: 18, margin: 0, width: '100%' }}>{dashboard.title}</h1>
      {variables.list
        .filter((one) => !one.hidden)
        .map((one) => (
          <div key={one.name} style={pill}>
            <span style={{ ...part, background: theme.colors.background.secondary, fontWeight: 500, flexShrink: 0 }}>{one.label}</span>
            <span style={part}>{one.all ? 'All' : one.value.join(' + ')}</span>
          </div>
        ))}
      <div style={pill}>
        <span style={part}>
          <Icon name="clock-nine" /> {time(range.from.valueOf())} to {time(range.to.valueOf())} UTC
        </span>
      </div>
      {(dashboard.links ?? []).map(({ title }) => (
        <div key={title} style={{ ...pill, border: 'none', background: theme.colors.background.secondary }}>
          <span style={part}>
            <Icon name="apps" /> {title}
          </span>
        </div>
      ))}
    </div>
  );
}

function Row({ title, theme }: { title: string; theme: GrafanaTheme2 }) {
  return (
    <div style={{ display: 'flex', alignItems: 'center', height: 30, fontSize: 16, fontWeight: 500, color: theme.colors.text.primary }}>
      <Icon name="angle-down" />
      <span style={{ overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap', marginLeft: 4 }}>{title}</span>
    </div>
  );
}

interface FramedProps extends Pick<DashboardProps, 'theme' | 'range' | 'marks' | 'variables'> {
  one: Filled;
  width: number;
  height: number;
}

function Framed({ one, width, height, theme, range, marks, variables }: FramedProps) {
  const { panel, data, scoped, title, problem } = one;
  const Drawn = DRAWN[panel.type];
  if (!Drawn) {
    throw new Error(`panels of type ${panel.type} cannot be drawn`);
  }
  const nothing = problem ?? (empty(data) && panel.type !== 'stat' ? 'No data' : undefined);
  return (
    <PanelChrome
      width={width}
      height={height}
      title={title}
      description={panel.description ? () => panel.description ?? '' : undefined}
      displayMode={panel.transparent ? 'transparent' : 'default'}
      padding={panel.type === 'table' ? 'none' : 'md'}
    >
      {(inner, tall) =>
        nothing ? (
          <div style={{ display: 'grid', placeItems: 'center', width: inner, height: tall, color: theme.colors.text.secondary }}>{nothing}</div>
        ) : (
          <Drawn
            panel={panel}
            data={data}
            width={inner}
            height={tall}
            range={range}
            theme={theme}
            marks={marks}
            replace={(text) => variables.link(text, scoped)}
          />
        )
      }
    </PanelChrome>
  );
}

/** Shows, and tells of, what goes wrong in one panel, so that the others are drawn. */
class Guard extends Component<{ failed: (text: string) => void; children: ReactNode }, { text?: string }> {
  override state: { text?: string } = {};

  static getDerivedStateFromError(error: Error) {
    return { text: error.message };
  }

  override componentDidCatch(error: Error) {
    this.props.failed(error.message);
  }

  override render() {
    return this.state.text === undefined ? this.props.children : <pre>{this.state.text}</pre>;
  }
}
