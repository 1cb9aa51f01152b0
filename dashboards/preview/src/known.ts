// What this tool knows how to draw. Whatever else a dashboard has is an error, not a picture that lies.
import type { DashboardModel, Panel, Target } from './model';

const LEGEND = ['legend.calcs', 'legend.displayMode', 'legend.placement', 'legend.showLegend', 'legend.sortBy', 'legend.sortDesc'];
const TOOLTIP = ['tooltip.mode', 'tooltip.sort', 'tooltip.hideZeros', 'tooltip.maxHeight', 'tooltip.maxWidth'];
const HIDE = ['hideFrom.legend', 'hideFrom.tooltip', 'hideFrom.viz'];
const AXIS = [
  'axisCenteredZero', 'axisColorMode', 'axisGridShow', 'axisLabel', 'axisPlacement', 'axisSoftMin', 'axisSoftMax', 'axisBorderShow',
  'scaleDistribution.type', 'scaleDistribution.log',
];

interface Known {
  options: string[];
  custom: string[];
}

export const KNOWN: Record<string, Known> = {
  row: { options: [], custom: [] },
  text: { options: ['content', 'mode', 'code.language', 'code.showLineNumbers', 'code.showMiniMap'], custom: [] },
  timeseries: {
    options: [...LEGEND, ...TOOLTIP],
    custom: [
      ...AXIS, ...HIDE, 'barAlignment', 'barWidthFactor', 'drawStyle', 'fillBelowTo', 'fillOpacity', 'gradientMode', 'insertNulls',
      'lineInterpolation', 'lineStyle.dash', 'lineStyle.fill', 'lineWidth', 'pointSize', 'showPoints', 'showValues', 'spanNulls',
      'stacking.group', 'stacking.mode', 'thresholdsStyle.mode',
    ],
  },
  stat: {
    options: [
      'colorMode', 'graphMode', 'justifyMode', 'orientation', 'percentChangeColorMode', 'reduceOptions.calcs', 'reduceOptions.fields',
      'reduceOptions.values', 'reduceOptions.limit', 'showPercentChange', 'textMode', 'wideLayout', 'text.titleSize', 'text.valueSize',
    ],
    custom: [],
  },
  table: {
    options: [
      'cellHeight', 'frameIndex', 'showHeader', 'sortBy', 'showTypeIcons', 'enablePagination', 'frozenColumns.left',
      'footer.show', 'footer.reducer', 'footer.fields', 'footer.countRows', 'footer.enablePagination',
    ],
    custom: [
      ...HIDE, 'align', 'cellOptions.type', 'cellOptions.mode', 'cellOptions.applyToRow', 'cellOptions.wrapText', 'cellOptions.valueDisplayMode',
      'filterable', 'inspect', 'width', 'minWidth', 'hidden', 'wrapHeaderText',
    ],
  },
  'state-timeline': {
    options: ['alignValue', 'mergeValues', 'rowHeight', 'showValue', 'perPage', ...LEGEND, ...TOOLTIP],
    custom: [...HIDE, 'fillOpacity', 'lineWidth', 'spanNulls', 'insertNulls', 'axisPlacement'],
  },
  heatmap: {
    options: [
      'calculate', 'cellGap', 'cellRadius', 'cellValues.unit', 'cellValues.decimals', 'color.exponent', 'color.fill', 'color.mode', 'color.reverse',
      'color.scale', 'color.scheme', 'color.steps', 'color.min', 'color.max', 'exemplars.color', 'filterValues.le', 'filterValues.ge', 'legend.show',
      'rowsFrame.layout', 'rowsFrame.value', 'showValue', 'yAxis.axisPlacement', 'yAxis.axisLabel', 'yAxis.reverse', 'yAxis.unit', 'yAxis.decimals',
      'yAxis.min', 'yAxis.max', 'tooltip.showColorScale', 'tooltip.yHistogram', 'tooltip.mode', 'tooltip.maxHeight', 'tooltip.maxWidth',
    ],
    custom: [...HIDE, 'scaleDistribution.type'],
  },
  barchart: {
    options: [
      'barRadius', 'barWidth', 'fullHighlight', 'groupWidth', 'orientation', 'showValue', 'stacking', 'xField', 'xTickLabelMaxLength',
      'xTickLabelRotation', 'xTickLabelSpacing', ...LEGEND, ...TOOLTIP,
    ],
    custom: [...AXIS, ...HIDE, 'fillOpacity', 'gradientMode', 'lineWidth', 'thresholdsStyle.mode'],
  },
};

/** Of every field, whatever the panel. */
export const STANDARD = ['unit', 'min', 'max', 'fieldMinMax', 'decimals', 'displayName', 'noValue', 'thresholds', 'mappings', 'links', 'color', 'filterable'];

const PANEL = [
  'id', 'type', 'title', 'description', 'gridPos', 'targets', 'options', 'fieldConfig', 'transformations', 'interval', 'maxDataPoints', 'repeat',
  'repeatDirection', 'maxPerRow', 'collapsed', 'panels', 'links', 'transparent', 'datasource', 'pluginVersion',
];
const TARGET = [
  'refId', 'expr', 'format', 'instant', 'range', 'legendFormat', 'interval', 'intervalFactor', 'hide', 'datasource', 'editorMode', 'exemplar',
];

/** Leaves of an object as paths; a list is a leaf. */
export function paths(value: unknown, before = ''): string[] {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return [before];
  }
  return Object.entries(value).flatMap(([key, inner]) => paths(inner, before ? `${before}.${key}` : key));
}

/** Everything in the dashboard that is not known, a line each. */
export function unknown(dashboard: DashboardModel): string[] {
  const all = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
  return [
    ...dashboard.templating.list
      .filter((one) => !['query', 'textbox', 'datasource', 'custom', 'constant', 'interval'].includes(one.type))
      .map((one) => `variable ${one.name}: type ${one.type}`),
    ...all.flatMap((panel) => ofPanel(panel).map((text) => `panel "${panel.title}" (${panel.type}): ${text}`)),
  ];
}

function ofPanel(panel: Panel): string[] {
  const known = KNOWN[panel.type];
  if (!known) {
    return ['its type'];
  }
  const { custom, ...defaults } = panel.fieldConfig?.defaults ?? {};
  const properties = (panel.fieldConfig?.overrides ?? []).flatMap((one) => one.properties.map(({ id }) => id));
  const customs = new Set(known.custom.map((path) => path.split('.')[0]));
  return [
    ...strange(Object.keys(panel), PANEL, 'key'),
    ...(panel.targets ?? []).flatMap((target: Target) => strange(Object.keys(target), TARGET, 'key of a query')),
    ...strange(paths(panel.options ?? {}).filter(Boolean), known.options, 'option'),
    ...strange(paths(custom ?? {}).filter(Boolean), known.custom, 'custom field option'),
    ...strange(Object.keys(defaults), STANDARD, 'field option'),
    ...strange(
      properties.filter((id) => !(id.startsWith('custom.') && customs.has(id.slice(7).split('.')[0]))),
      STANDARD,
      'overridden property'
    ),
  ];
}

function strange(names: string[], known: string[], what: string): string[] {
  return names.filter((name) => !known.includes(name)).map((name) => `${what} ${name}`);
}
