/** One value of an exposition. */
export interface PrometheusSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$/;
const LABEL = /([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"/g;
const ESCAPES: Readonly<Record<string, string>> = { '\\n': '\n', '\\"': '"', '\\\\': '\\' };

/**
 * The samples of some metrics in Prometheus' text format. What is not understood is left out.
 *
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/
 *
 * @param names the metrics that are wanted
 */
export function prometheusSamples(text: string, names: ReadonlySet<string>): PrometheusSample[] {
  return text.split('\n').flatMap((line) => {
    const end = line.search(/[\s{]/);
    if (end < 1 || !names.has(line.slice(0, end))) return [];
    const [, name = '', labels = '', number = ''] = LINE.exec(line) ?? [];
    const value = number === '+Inf' ? Infinity : Number(number);
    return name === '' || Number.isNaN(value) ? [] : [{ name, labels: labelsOf(labels), value }];
  });
}

function labelsOf(text: string): Record<string, string> {
  const pairs = [...text.matchAll(LABEL)].map(([, name = '', value = '']) => [
    name,
    value.replaceAll(/\\[n"\\]/g, (escape) => ESCAPES[escape] ?? escape),
  ]);
  return Object.fromEntries(pairs) as Record<string, string>;
}
