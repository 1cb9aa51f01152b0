// A dashboard's variables: which values they have, and texts with them filled in, as Grafana does it.
import type { DashboardModel, Request, VariableModel } from './model';
import type { Prometheus } from './prometheus';

export interface Variable {
  name: string;
  label: string;
  hidden: boolean;
  /** Whether several may be chosen, so that the value is a regular expression. */
  many: boolean;
  all: boolean;
  allValue?: string;
  options: string[];
  value: string[];
}

/** One value for a name, such as that of a repeated panel. */
export type Scoped = Record<string, string>;

const NAMES = /\$(\w+)|\$\{([\w.]+)(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]/g;

export class Variables {
  readonly list: Variable[] = [];

  constructor(private readonly macros: () => Record<string, string> = () => ({})) {}

  /** Fill in each after those before it. What is asked for is taken where it is among the options. */
  static async resolve(dashboard: DashboardModel, prometheus: Prometheus, { chosen, single }: Pick<Request, 'chosen' | 'single'>): Promise<Variables> {
    const variables = new Variables();
    for (const model of dashboard.templating.list) {
      const preferred = model.multi || model.includeAll ? undefined : single[model.name];
      variables.list.push(await variables.one(model, prometheus, chosen[model.name] ?? preferred));
    }
    return variables;
  }

  get(name: string): Variable | undefined {
    return this.list.find((one) => one.name === name);
  }

  /** In an expression of PromQL. */
  expression(text: string, scoped: Scoped = {}, macros: Record<string, string> = {}): string {
    return this.fill(text, scoped, macros, 'promql');
  }

  /** In what people read. */
  text(text: string, scoped: Scoped = {}): string {
    return this.fill(text, scoped, this.macros(), 'text');
  }

  /** In a link. */
  link(text: string, scoped: Scoped = {}): string {
    return this.fill(text, scoped, {}, 'percentencode', true);
  }

  private fill(text: string, scoped: Scoped, macros: Record<string, string>, format: string, lenient = false): string {
    return text.replace(NAMES, (found, a?: string, b?: string, own?: string, c?: string, d?: string) => {
      const name = a ?? b ?? c ?? '';
      const macro = macros[name];
      if (macro !== undefined) {
        return macro;
      }
      // Those of a link that are filled in when it is followed, and groups of a regular expression.
      if ((name.startsWith('__') && lenient) || /^\d+$/.test(name)) {
        return found;
      }
      const variable = this.get(name);
      if (!variable) {
        throw new Error(`no variable ${found} in: ${text}`);
      }
      const one = scoped[name];
      return formatted(one === undefined ? variable : { ...variable, all: false, value: [one] }, own ?? d ?? format);
    });
  }

  private async one(model: VariableModel, prometheus: Prometheus, chosen?: string): Promise<Variable> {
    const query = typeof model.query === 'string' ? model.query : model.query.query;
    const base = {
      name: model.name,
      label: model.label ?? model.name,
      hidden: model.hide === 2,
      many: Boolean(model.multi || model.includeAll),
      allValue: model.allValue,
    };
    const current = [model.current?.value ?? []].flat();
    switch (model.type) {
      case 'datasource':
        return { ...base, all: false, options: [query], value: [query] };
      case 'textbox':
      case 'constant':
        return { ...base, all: false, options: [query], value: [chosen ?? current[0] ?? query] };
    }
    const options = model.type === 'query' ? await this.asked(query, model, prometheus) : query.split(',').map((one) => one.trim());
    if (chosen !== undefined && options.includes(chosen)) {
      return { ...base, all: false, options, value: [chosen] };
    }
    const known = current.filter((one) => options.includes(one));
    if (model.includeAll && (known.length === 0 || current.includes('$__all'))) {
      return { ...base, all: true, options, value: options };
    }
    return { ...base, all: false, options, value: known.length > 0 ? known : options.slice(0, 1) };
  }

  private async asked(query: string, model: VariableModel, prometheus: Prometheus): Promise<string[]> {
    const parts = /^label_values\((?:(.+),\s*)?(\w+)\)$/s.exec(query.trim());
    if (!parts) {
      throw new Error(`variable ${model.name}: ${query} is not label_values(series, label)`);
    }
    const found = await prometheus.labelValues(parts[2] ?? '', parts[1] && this.expression(parts[1]));
    const kept = model.regex ? found.flatMap((one) => byRegex(one, model.regex ?? '')) : found;
    if (![0, 1, undefined].includes(model.sort)) {
      throw new Error(`variable ${model.name}: sort ${model.sort} is not known`);
    }
    return model.sort === 1 ? kept.sort() : kept;
  }
}

function byRegex(value: string, regex: string): string[] {
  const parts = /^\/(.*)\/(\w*)$/s.exec(regex);
  const found = new RegExp(parts?.[1] ?? regex, parts?.[2] ?? '').exec(value);
  return found ? [found[1] ?? found[0]] : [];
}

function formatted(variable: Variable, format: string): string {
  const { name, many, all, allValue, value } = variable;
  switch (format) {
    case 'promql':
      if (all && allValue !== undefined) {
        return allValue;
      }
      if (!many) {
        return plain(value[0] ?? '');
      }
      return value.length === 1 ? regex(value[0] ?? '') : `(${value.map(regex).join('|')})`;
    case 'regex':
      return all && allValue !== undefined ? allValue : `(${value.map(regex).join('|')})`;
    case 'pipe':
      return value.join('|');
    case 'csv':
      return value.join(',');
    case 'raw':
      return all ? (allValue ?? value.join(',')) : value.join(',');
    case 'text':
      return all ? 'All' : value.join(' + ');
    case 'percentencode':
      return encodeURIComponent(value.join(','));
    case 'queryparam':
      return all ? `var-${name}=%24__all` : value.map((one) => `var-${name}=${encodeURIComponent(one)}`).join('&');
    default:
      throw new Error(`variable ${name}: format ${format} is not known`);
  }
}

/** Of a single value, in a string of PromQL. */
function plain(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/'/g, "\\'");
}

/** Of one of several, in a regular expression in a string of PromQL. */
function regex(value: string): string {
  return value.replace(/\\/g, '\\\\\\\\').replace(/[$^*{}[\]'+?.()|]/g, '\\\\$&');
}
