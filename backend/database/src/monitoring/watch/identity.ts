import type { DatabaseEvent } from '@clearway/contracts';
import type { Finding } from '../judge/level.ts';
import type { QuickAnswers } from './quick-pass.ts';

type Server = Extract<QuickAnswers['server'], { value: unknown }>['value'];

/** How long a restart or another server stays a judgement. */
const SHOWN_MS = 600_000;

/** Notices that a server was restarted, replaced by another one, or changed its role. */
export class Identity {
  #server: Server | undefined;
  #last: { readonly status: 'warning' | 'critical'; readonly message: string; readonly atMs: number } | undefined;

  /** The server as it was last seen. */
  get server(): Server | undefined {
    return this.#server;
  }

  /** Takes in what a server says of itself. Returns what changed. */
  update(server: Server, nowMs: number): Omit<DatabaseEvent, 'at'> | undefined {
    const before = this.#server;
    this.#server = server;
    if (!before) return undefined;
    const change = changeOf(before, server);
    if (change) {
      const status = change.kind === 'replaced' ? 'critical' : 'warning';
      this.#last = { status, message: change.message, atMs: nowMs };
    }
    return change;
  }

  /** The judgement: worth a look for ten minutes after a change. */
  finding(nowMs: number): Finding {
    if (!this.#server) return { skipped: 'the server has not said yet who it is' };
    const { systemIdentifier, startedAt, versionText } = this.#server;
    const last = this.#last;
    if (last && nowMs - last.atMs < SHOWN_MS) return { status: last.status, message: last.message };
    return {
      status: 'ok',
      message: `PostgreSQL ${versionText}, system ${systemIdentifier}, running since ${startedAt}`,
    };
  }
}

function changeOf(before: Server, now: Server): Omit<DatabaseEvent, 'at'> | undefined {
  if (before.systemIdentifier !== now.systemIdentifier) {
    const message = `another server answers: system ${now.systemIdentifier} instead of ${before.systemIdentifier}; counters and trends begin anew`;
    return { kind: 'replaced', message };
  }
  if (before.startedAt !== now.startedAt) {
    const version = before.versionText === now.versionText ? '' : `, now PostgreSQL ${now.versionText}`;
    return { kind: 'restarted', message: `the server was restarted at ${now.startedAt}${version}` };
  }
  if (before.inRecovery !== now.inRecovery) {
    return {
      kind: 'role_changed',
      message: now.inRecovery ? 'the server became a replica' : 'the server was promoted',
    };
  }
  return undefined;
}
