import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TraceStore, type TraceStoreOptions } from '../../src/traces/store/trace-store.ts';

/** A store in a folder of its own. */
export interface StoreUnderTest {
  readonly folder: string;
  readonly problems: string[];
  readonly store: TraceStore;
  /** Closes the store and opens the folder anew. */
  reopen(options?: Partial<TraceStoreOptions>): TraceStore;
  remove(): void;
}

const MEBIBYTE = 1024 * 1024;

export function openStore(options: Partial<TraceStoreOptions> = {}): StoreUnderTest {
  const own = mkdtempSync(path.join(tmpdir(), 'clearway-traces-'));
  const folder = options.folder ?? own;
  const problems: string[] = [];
  const open = (more: Partial<TraceStoreOptions> = {}) =>
    new TraceStore({
      folder,
      limitBytes: 4 * MEBIBYTE,
      onProblem: (message) => problems.push(message),
      ...options,
      ...more,
    });
  const opened = [open()];
  const last = (): TraceStore => opened.at(-1) as TraceStore;
  return {
    folder,
    problems,
    get store() {
      return last();
    },
    reopen(more) {
      last().close();
      opened.push(open(more));
      return last();
    },
    remove() {
      last().close();
      rmSync(own, { recursive: true, force: true });
    },
  };
}

/** Bytes of all files of a folder. */
export function bytesOnDisk(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0);
}
