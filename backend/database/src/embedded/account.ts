import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** The account that runs the server when the caller is root: PostgreSQL refuses to run as root. */
export interface ServerAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const CANDIDATES = ['postgres', 'node', 'nobody'];

/**
 * The account to run the server as, or undefined for the caller's own. Takes one that exists; makes none.
 *
 * @throws when the caller is root and no unprivileged account exists
 */
export function serverAccount(): ServerAccount | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of CANDIDATES) {
    const uid = numericId('-u', name);
    const gid = numericId('-g', name);
    if (uid && gid !== undefined) return { name, uid, gid };
  }
  throw new Error(
    `PostgreSQL does not run as root, and none of the accounts ${CANDIDATES.join(', ')} exists: ` +
      `make one (useradd --system postgres), or start as a normal user`,
  );
}

function numericId(flag: string, account: string): number | undefined {
  try {
    return Number(execFileSync('id', [flag, account], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return undefined;
  }
}

/** Whether every account may enter `directory`: nothing below a folder such as /root can be reached by another one. */
export function everyoneMayEnter(directory: string): boolean {
  for (let at = resolve(directory); ; at = dirname(at)) {
    const entry = statSync(at, { throwIfNoEntry: false });
    if (entry && !(entry.mode & 0o001)) return false;
    if (at === dirname(at)) return true;
  }
}
