import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

/** The mount is seen by the processes that are started with it alone, and goes with them. */
const UNSHARE = process.getuid?.() === 0 ? ['-m'] : ['-Urm'];
const MOUNTS = {
  /** A real file system of so many bytes. */
  tmpfs: 'mount -t tmpfs -o size="$size",mode=755 none "$place"',
  /** A file system whose server never answers. */
  silent: `exec 3<>/dev/fuse && mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none "$place"`,
};

/** Why a test cannot mount such a thing on this machine; undefined when it can. */
export function whyNoMount(kind: keyof typeof MOUNTS): string | undefined {
  const args = [...UNSHARE, '/bin/sh', '-c', `size=1m place=/mnt; ${MOUNTS[kind]}`];
  const { status, stderr, error } = spawnSync('unshare', args, { encoding: 'utf8', timeout: 10_000 });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}

/**
 * Runs a script of the shell where such a thing is mounted at a place. Returns what it printed.
 *
 * @param args the script's `$1` and so on
 */
export async function withMount(
  mount: { readonly kind: keyof typeof MOUNTS; readonly place: string; readonly sizeBytes?: number },
  script: string,
  args: readonly string[],
): Promise<string> {
  const { kind, place, sizeBytes = 0 } = mount;
  const all = `size=$1 place=$2; shift 2; ${MOUNTS[kind]} || exit 99; ${script}`;
  const shell = [...UNSHARE, '/bin/sh', '-c', all, 'sh', `${sizeBytes}`, place, ...args];
  const { stdout } = await promisify(execFile)('unshare', shell, { timeout: 170_000, killSignal: 'SIGKILL' });
  return stdout;
}
