import { ConfigurationError, type ConfigurationProblem } from '@clearway/kernel';
import { loadSections, shownConfiguration, tlsFiles, type ClearwayConfiguration } from '@clearway/gateway';
import { watchFiles, type FileWatch } from '@clearway/gateway/configuration';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';

/** The sections of `clearway.yaml` that the gateway lives by. Others may hold secrets, which it does not keep. */
const OWN_SECTIONS = ['server', 'tracing', 'dns', 'upstreams', 'routes', 'checks'] as const;

/** What the gateway keeps of `clearway.yaml`. */
export type GatewaySettings = Pick<ClearwayConfiguration, (typeof OWN_SECTIONS)[number]>;

/** What started a reload. */
export type ReloadCause = 'file' | 'signal' | 'operator';

/** How a reload ended. */
export interface ReloadOutcome {
  readonly cause: ReloadCause;
  readonly changed: boolean;
  /** Set when the new file was refused; the old configuration stays active. */
  readonly error?: Error;
  /** Changed settings of the listener that is open, which it keeps until the next start. */
  readonly waitsForStart: readonly string[];
}

/** The configuration in force, and the way to another. */
export interface ActiveConfiguration {
  readonly current: GatewaySettings;
  /** What is in force, since when, from which files. Values from the environment are not shown. */
  describe(): object;
  /** Reads the files again and goes over to what they say. Throws and changes nothing when they are faulty. */
  reload(cause: ReloadCause): Promise<void>;
  /** Reloads whenever one of the files changes, until it is closed. */
  watch(): { close(): void };
}

/**
 * Loads the configuration.
 *
 * @param options `swap` goes over to a new configuration and throws when it cannot; `onReload` hears of every try
 * @throws ConfigurationError with every problem
 */
export function openConfiguration(options: {
  file: string;
  variables: Readonly<Record<string, string | undefined>>;
  swap: (next: GatewaySettings) => void;
  onReload: (outcome: ReloadOutcome) => void;
}): ActiveConfiguration & { readonly warnings: readonly ConfigurationProblem[] } {
  let loaded = loadSections(options.file, options.variables, OWN_SECTIONS);
  let since = new Date();
  const fingerprint = (configuration: GatewaySettings) =>
    createHash('sha256').update(JSON.stringify(configuration)).digest('hex').slice(0, 12);
  let material = materialOf(loaded.configuration);

  let watching: FileWatch | undefined;
  const reload = (cause: ReloadCause): void => {
    try {
      const next = loadSections(options.file, options.variables, OWN_SECTIONS);
      const nextMaterial = materialOf(next.configuration);
      const changed =
        fingerprint(next.configuration) !== fingerprint(loaded.configuration) || nextMaterial !== material;
      if (changed) {
        options.swap(next.configuration);
        since = new Date();
      }
      const waitsForStart = settingsThatWait(loaded.configuration, next.configuration);
      loaded = next;
      material = nextMaterial;
      watching?.refresh();
      options.onReload({ cause, changed, waitsForStart });
    } catch (error) {
      options.onReload({ cause, changed: false, error: error as Error, waitsForStart: [] });
      throw error;
    }
  };

  return {
    get current() {
      return loaded.configuration;
    },
    warnings: loaded.warnings,
    describe: () => ({
      files: loaded.files,
      since: since.toISOString(),
      fingerprint: fingerprint(loaded.configuration),
      configuration: shownConfiguration(loaded),
    }),
    reload: (cause) => Promise.resolve().then(() => reload(cause)),
    watch: () =>
      (watching = watchFiles(
        () => [...loaded.files, ...tlsFiles(loaded.configuration.upstreams)],
        () => ignoreFaulty(() => reload('file')),
      )),
  };
}

/** Certificates and keys: a renewed one is a change, though the configuration says the same. */
function materialOf({ upstreams }: GatewaySettings): string {
  const hash = createHash('sha256');
  for (const file of tlsFiles(upstreams)) hash.update(existsSync(file) ? readFileSync(file) : '');
  return hash.digest('hex');
}

/** What the open listener was made with. */
const LISTENER_SETTINGS = [
  'maxHeaderBytes',
  'headersTimeoutMs',
  'requestTimeoutMs',
  'keepAliveMs',
  'maxConnections',
] as const;

function settingsThatWait({ server: old }: GatewaySettings, { server }: GatewaySettings): string[] {
  return LISTENER_SETTINGS.filter((name) => old[name] !== server[name]).map((name) => `server.${name}`);
}

/** A faulty file is reported through `onReload`; nobody waits for a reload that a file started. */
function ignoreFaulty(reload: () => void): void {
  try {
    reload();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
  }
}
