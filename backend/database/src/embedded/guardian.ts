import { spawn } from 'node:child_process';

/**
 * Ends a test's server and removes its files when this process is gone, also when it was killed: the guardian waits for
 * the end of a pipe that only this process holds open.
 *
 * @returns a function that lets the guardian go without doing anything
 */
export function guard(pid: number, directory: string): () => void {
  const wait = 'while kill -0 "$1" 2>/dev/null; do sleep 0.1; done';
  const script = `read -r word; [ "$word" = done ] && exit; kill -QUIT "$1"; ${wait}; rm -rf "$2"`;
  const child = spawn('/bin/sh', ['-c', script, 'sh', String(pid), directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.on('error', () => {}); // without a shell there is no guardian
  child.stdin.on('error', () => {});
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  return () => child.stdin.end('done\n');
}
