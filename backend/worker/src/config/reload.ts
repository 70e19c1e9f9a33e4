import { watchFiles } from '@clearway/gateway/configuration';
import { ConfigurationError, renderProblems } from '@clearway/kernel';
import type { ReadConfiguration, WorkerConfiguration } from './configuration.ts';

/** What a reload tells. */
interface ReloadLog {
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

/** The sections that a worker goes over to while it runs. The others wait for its next start. */
const LIVE = ['databases', 'integrity', 'migrations'] as const;

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
      const changed = differences(current.configuration, next.configuration);
      if (changed.some(isLive)) await swap(next.configuration);
      current = next;
      watching.refresh();
      log.info(changed.length > 0 ? 'configuration changed' : 'configuration read, nothing changed', { cause });
      const waiting = changed.filter((section) => !isLive(section));
      if (waiting.length > 0) {
        log.warn('some settings take effect only at the next start', { settings: waiting.join(', ') });
      }
    } catch (error) {
      const why = error instanceof ConfigurationError ? { problems: renderProblems(error.problems) } : { error };
      log.error('the new configuration was refused, the old one stays', { cause, ...why });
    }
  };
  const reload = (cause: 'file' | 'signal'): Promise<void> => (running = running.then(() => change(cause)));
  return { reload, close: () => watching.close() };
}

type Section = keyof WorkerConfiguration;

function differences(before: WorkerConfiguration, after: WorkerConfiguration): Section[] {
  const sections = Object.keys(after) as Section[];
  return sections.filter((section) => JSON.stringify(before[section]) !== JSON.stringify(after[section]));
}

function isLive(section: Section): boolean {
  return (LIVE as readonly Section[]).includes(section);
}
