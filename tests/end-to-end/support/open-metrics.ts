/** One sample of an OpenMetrics exposition. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Trace id of the exemplar. */
  readonly exemplar: string | undefined;
}

const SAMPLE = /^(\w+)(?:\{([^}]*)\})? (\S+)(?: # \{([^}]*)\} .*)?$/;

/** Reads an exposition; throws when it does not end as OpenMetrics must. */
export function readOpenMetrics(text: string): Sample[] {
  if (!text.endsWith('# EOF\n')) throw new Error('the exposition does not end with # EOF');
  return text.split('\n').flatMap((line) => {
    const match = line.startsWith('#') ? null : SAMPLE.exec(line);
    if (!match) return [];
    const [, name = '', labels = '', value, exemplar = ''] = match;
    return [{ name, labels: readLabels(labels), value: Number(value), exemplar: readLabels(exemplar)['trace_id'] }];
  });
}

function readLabels(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name ?? '', value ?? '']));
}
