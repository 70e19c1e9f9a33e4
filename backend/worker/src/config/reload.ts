import { isDeepStrictEqual } from 'node:util';
import { watchFiles } from '@clearway/gateway/configuration';
import { ConfigurationError, renderProblems } from '@clearway/kernel';
import type { ReadConfiguration, WorkerConfiguration } from './configuration.ts';

/** What a reload tells. */
interface ReloadLog {
  info(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

/** What reloading needs. */
export interface ReloadOptions {
  /** What is in force. */
  readonly first: ReadConfiguration;
  /** Reads the files again; throws a ConfigurationError with every problem. */
  readonly read: () => ReadConfiguration;
  /** Goes over to another configuration. */
  readonly swap: (next: WorkerConfiguration) => Promise<void>;
  readonly log: ReloadLog;
}

/** The way to another configuration. */
export interface Reloading {
  /** Reads the files again and goes over to what they say; what is faulty is logged and changes nothing. */
  reload(cause: 'file' | 'signal'): Promise<void>;
  close(): void;
}

/** Reloads whenever one of the files of the configuration changes, and when it is told to. One at a time. */
export function reloadOnChange({ first, read, swap, log }: ReloadOptions): Reloading {
  let current = first;
  let running: Promise<void> = Promise.resolve();
  const watching = watchFiles(
    () => current.files,
    () => void reload('file'),
  );
  const change = async (cause: string): Promise<void> => {
    try {
      const next = read();
      const isChanged = !isDeepStrictEqual(current.configuration, next.configuration);
      if (isChanged) await swap(next.configuration);
      current = next;
      watching.refresh();
      log.info(isChanged ? 'configuration changed' : 'configuration read, nothing changed', { cause });
    } catch (error) {
      const why = error instanceof ConfigurationError ? { problems: renderProblems(error.problems) } : { error };
      log.error('the new configuration was refused, the old one stays', { cause, ...why });
    }
  };
  const reload = (cause: 'file' | 'signal'): Promise<void> => (running = running.then(() => change(cause)));
  return { reload, close: () => watching.close() };
}
