import type { CountSettings, IntegritySettings, InvariantSettings, RelationSettings } from '@clearway/contracts';
import type { CheckDefinition } from './check-state.ts';
import { CATALOGUE_FINDINGS, type CatalogueFinding } from './findings.ts';
import type { ForeignKey } from './foreign-keys.ts';

const CATALOGUE_SCHEDULE = '*/15 * * * *';

/** A check that is one query. */
export type QueryCheck = CheckDefinition &
  (
    | { readonly kind: 'catalogue'; readonly finding: CatalogueFinding }
    | { readonly kind: 'invariant'; readonly settings: InvariantSettings }
    | { readonly kind: 'count'; readonly settings: CountSettings }
  );

/** A check that looks through a table. */
export type ScanCheck = CheckDefinition & { readonly sampleSize: number } & (
    | { readonly kind: 'foreign-key'; readonly key: ForeignKey }
    | { readonly kind: 'relation'; readonly settings: RelationSettings }
  );

type Common = RelationSettings | InvariantSettings | CountSettings;

function common({ name, title, severity, schedule, runbook }: Common) {
  return { id: name, title: title ?? name.replaceAll('-', ' '), severity, schedule, runbook: runbook ?? null };
}

/** The checks of a database that are one query each: the catalogue's, the invariants, the counts. */
export function queryChecks({ invariants, counts, foreignKeys }: IntegritySettings): QueryCheck[] {
  const severity = 'WARNING' as const;
  const runbook = foreignKeys.runbook ?? null;
  return [
    ...CATALOGUE_FINDINGS.map((finding) => {
      const { id, title } = finding;
      return { kind: 'catalogue' as const, id, title, severity, schedule: CATALOGUE_SCHEDULE, runbook, finding };
    }),
    ...invariants.map((settings) => ({ ...common(settings), kind: 'invariant' as const, settings })),
    ...counts.map((settings) => ({ ...common(settings), kind: 'count' as const, settings })),
  ];
}

/** The declared relations of a database. */
export function relationChecks({ relations }: IntegritySettings): ScanCheck[] {
  return relations.map((settings) => ({
    ...common(settings),
    title: settings.title ?? `${settings.from} → ${settings.to}`,
    kind: 'relation' as const,
    sampleSize: settings.sampleSize,
    settings,
  }));
}

/** A check for each foreign key of a database that is not left out. */
export function foreignKeyChecks({ foreignKeys }: IntegritySettings, keys: readonly ForeignKey[]): ScanCheck[] {
  const { enabled, ignore, severity, schedule, sampleSize, runbook = null } = foreignKeys;
  if (!enabled) return [];
  const isIgnored = (id: string) => ignore.includes(id) || ignore.includes(id.replace(/\.[^.]*$/, '.*'));
  return keys
    .filter(({ id }) => !isIgnored(id))
    .map((key) => ({
      kind: 'foreign-key',
      id: key.id,
      title: key.title,
      severity,
      schedule,
      runbook,
      sampleSize,
      key,
    }));
}
