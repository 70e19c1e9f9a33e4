import type { Clock } from '@clearway/kernel';
import { z } from 'zod';
import { isAhead } from '../catalogue/ahead.ts';
import { newBackupId, timeOfBackupId } from '../catalogue/id.ts';
import { BackupFailure } from '../failures.ts';
import type { NeonApi } from './api.ts';

const branchSchema = z.object({
  id: z.string(),
  name: z.string(),
  parent_id: z.string().optional(),
  default: z.boolean().optional(),
  protected: z.boolean().optional(),
  current_state: z.string().optional(),
  logical_size: z.number().optional(),
  created_at: z.string(),
});
const operationsSchema = z.array(z.object({ id: z.string() })).default([]);
const changedSchema = z.object({ branch: branchSchema, operations: operationsSchema });
const listSchema = z.object({
  branches: z.array(branchSchema),
  pagination: z.object({ next: z.string().optional() }).optional(),
});
type Branch = z.output<typeof branchSchema>;

/** A branch that is a backup. */
export interface NeonBackup {
  /** Name of the branch. */
  readonly name: string;
  readonly branchId: string;
  readonly parentId: string | null;
  readonly createdAt: string;
  readonly sizeBytes: number | null;
  /** Protected branches are never removed from here. */
  readonly isProtected: boolean;
  /** Whether other branches hang on it: Neon removes none that has any. A branch that was restored hangs on its backup. */
  readonly isInUse: boolean;
}

/** What a restore at Neon came to. */
export interface NeonRestored {
  readonly backup: string;
  readonly branch: string;
  readonly branchId: string;
  /** Branch that holds what the restored one held before; null for a new branch. */
  readonly previous: string | null;
}

/** Branches of a project at Neon as backups: made in a moment, and lost with the project. */
export interface NeonBackups {
  /** @param parent name or id of the branch; the default one when it is left out */
  create(parent?: string): Promise<NeonBackup>;
  /** Oldest first. */
  list(): Promise<NeonBackup[]>;
  /**
   * Gives a branch the data of a backup. What it held stays in another branch.
   *
   * @param to `branch` is restored (the default one when it is left out); `newBranch` is made instead
   */
  restore(
    name: string,
    to: { readonly branch?: string | undefined; readonly newBranch?: string | undefined },
  ): Promise<NeonRestored>;
  /**
   * Removes the backups that are older than `keepDays` and not among the last `keepCount`; never the last one.
   *
   * @returns those that were removed, or would be
   */
  prune(rules: {
    readonly keepDays: number;
    readonly keepCount: number;
    readonly isDryRun?: boolean;
  }): Promise<NeonBackup[]>;
}

const PREFIX = 'clearway-backup-';
const PREVIOUS_PREFIX = 'clearway-before-restore-';
const DAY_MS = 86_400_000;
const PAGE = 1000;
const MOST_PAGES = 20;

/**
 * @example
 * const neon = neonBackups(openNeonApi({ apiKey, projectId }), systemClock);
 * const { name } = await neon.create();
 */
export function neonBackups(api: NeonApi, clock: Clock): NeonBackups {
  const branches = () => listBranches(api);
  const backups = async () => {
    const all = await branches();
    const parents = new Set(all.map(({ parent_id }) => parent_id));
    return all
      .filter(isBackup)
      .sort(byAge)
      .map((branch) => backupOf(branch, parents.has(branch.id)));
  };
  const find = async (nameOrId: string | undefined): Promise<Branch> => {
    const found = (await branches()).find(({ name, id, default: isDefault }) =>
      nameOrId === undefined ? isDefault === true : name === nameOrId || id === nameOrId,
    );
    if (found) return found;
    throw new BackupFailure('not-found', `the project has no branch ${nameOrId ?? 'that is the default'}`, {
      remedy: 'clearway backup neon list',
    });
  };
  const make = (name: string, parentId: string) => createBranch(api, name, parentId);
  return {
    async create(parent) {
      const from = await find(parent);
      return backupOf(await make(`${PREFIX}${newBackupId(from.name, clock.nowMs())}`, from.id), false);
    },
    list: backups,
    async restore(name, { branch, newBranch }) {
      const source = await find(name);
      if (!isBackup(source)) throw new BackupFailure('not-found', `the branch ${name} is no backup`);
      if (newBranch !== undefined) {
        const made = await make(newBranch, source.id);
        return { backup: name, branch: made.name, branchId: made.id, previous: null };
      }
      const target = await find(branch);
      const previous = `${PREVIOUS_PREFIX}${newBackupId(target.name, clock.nowMs())}`;
      const body = { source_branch_id: source.id, preserve_under_name: previous };
      const path = `/branches/${encodeURIComponent(target.id)}/restore`;
      const changed = changedSchema.parse(await api.request('POST', path, body));
      await api.finished(changed.operations);
      return { backup: name, branch: target.name, branchId: changed.branch.id, previous };
    },
    async prune({ keepDays, keepCount, isDryRun = false }) {
      const all = await backups();
      const beforeMs = clock.nowMs() - keepDays * DAY_MS;
      const last = Math.max(1, keepCount);
      const isOld = ({ name, createdAt }: NeonBackup): boolean => timeOf({ name, created_at: createdAt }) < beforeMs;
      const doomed = all.slice(0, -last).filter((one) => !one.isProtected && !one.isInUse && isOld(one));
      for (const { branchId } of isDryRun ? [] : doomed) {
        const answer = await api.request('DELETE', `/branches/${encodeURIComponent(branchId)}`);
        await api.finished(z.object({ operations: operationsSchema }).parse(answer).operations);
      }
      return doomed;
    },
  };
}

/** When nobody knows whether a branch was made, it is looked for by its name before it is made again. */
async function createBranch(api: NeonApi, name: string, parentId: string): Promise<Branch> {
  try {
    const body = { branch: { name, parent_id: parentId } };
    const { branch, operations } = changedSchema.parse(await api.request('POST', '/branches', body));
    await api.finished(operations);
    return branch;
  } catch (error) {
    if (!(error instanceof BackupFailure) || error.reason !== 'unreachable') throw error;
    const made = (await listBranches(api, name)).find((branch) => branch.name === name);
    if (!made) throw error;
    return made;
  }
}

async function listBranches(api: NeonApi, search?: string): Promise<Branch[]> {
  const found: Branch[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const query = new URLSearchParams({
      limit: `${PAGE}`,
      ...(search !== undefined && { search }),
      ...(cursor !== undefined && { cursor }),
    });
    const { branches, pagination } = listSchema.parse(await api.request('GET', `/branches?${query.toString()}`));
    found.push(...branches);
    if (pagination?.next === undefined || branches.length === 0) break;
    cursor = pagination.next;
  }
  return found;
}

const isBackup = ({ name }: Branch): boolean => name.startsWith(PREFIX);

/** By its name, unless the clock that it comes from was ahead of Neon's. */
const timeOf = ({ name, created_at }: Pick<Branch, 'name' | 'created_at'>): number => {
  const [namedMs, createdMs] = [timeOfBackupId(name.slice(PREFIX.length)), Date.parse(created_at)];
  return Number.isNaN(namedMs) || isAhead(namedMs, createdMs) ? createdMs : namedMs;
};

const byAge = (a: Branch, b: Branch): number => timeOf(a) - timeOf(b);

const backupOf = (branch: Branch, isInUse: boolean): NeonBackup => ({
  name: branch.name,
  branchId: branch.id,
  parentId: branch.parent_id ?? null,
  createdAt: branch.created_at,
  sizeBytes: branch.logical_size ?? null,
  isProtected: branch.protected ?? false,
  isInUse,
});
