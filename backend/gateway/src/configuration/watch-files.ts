import { watch, type FSWatcher } from 'node:fs';
import path from 'node:path';

/** Files that are watched. */
export interface FileWatch {
  /** Watches the folders of files that were added since, too. */
  refresh(): void;
  close(): void;
}

/** Editors write a file in several steps. */
const SETTLE_MS = 100;

/**
 * Tells when files change. The folders are watched, not the files: many editors replace a file by renaming another one.
 *
 * @param files asked at each change: those of a configuration may be others by then
 * @param onChange once for changes that follow each other closely
 */
export function watchFiles(files: () => readonly string[], onChange: () => void): FileWatch {
  let timer: NodeJS.Timeout | undefined;
  const watchers = new Map<string, FSWatcher>();
  const onEvent = (folder: string, name: string | null): void => {
    const isOurs = name === null || files().some((file) => path.resolve(file) === path.join(folder, name));
    if (!isOurs) return;
    clearTimeout(timer);
    timer = setTimeout(onChange, SETTLE_MS);
  };
  const refresh = (): void => {
    for (const folder of files().map((file) => path.dirname(path.resolve(file)))) {
      if (watchers.has(folder)) continue;
      const watcher = watch(folder, { persistent: false }, (_event, name) => onEvent(folder, name));
      // a folder that is removed is reported by the next reload, which cannot read its file
      watcher.on('error', () => watcher.close());
      watchers.set(folder, watcher);
    }
  };
  refresh();
  return {
    refresh,
    close() {
      clearTimeout(timer);
      watchers.forEach((watcher) => watcher.close());
    },
  };
}
