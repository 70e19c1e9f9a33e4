import type { DatabaseResources, DatabaseThresholds } from '@clearway/contracts';
import type { Clock } from '@clearway/kernel';
import type { Findings } from '../judge/check-board.ts';
import type { Finding } from '../judge/level.ts';
import { limitsOf } from '../judge/words.ts';
import type { Answer } from '../watch/answer.ts';
import { resourceReader } from './create.ts';
import type { ResourceFigures, ResourceReader } from './resource-reader.ts';

/** What is watched, and for how long a figure has to be high. */
interface Settings {
  readonly connectionString: () => string;
  readonly resources?: DatabaseResources | undefined;
  readonly thresholds: DatabaseThresholds;
}

const NOT_WATCHED = 'no source of figures is configured: see resources in the section databases';

/** Reads processor and memory figures as often as their source is worth asking. */
export class ResourceWatch {
  readonly #settings: Settings;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  #reader: ResourceReader | undefined;
  #readAtMs = -Infinity;
  #figures: ResourceFigures | undefined;

  constructor(settings: Settings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** The last figures. */
  get figures(): ResourceFigures | undefined {
    return this.#figures;
  }

  /** Reads when it is time. Returns what there is to judge. */
  async read(): Promise<Findings> {
    this.#reader ??= this.#create();
    const reader = this.#reader;
    if (!reader) return { cpu: { notWatched: NOT_WATCHED }, memory: { notWatched: NOT_WATCHED } };
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#readAtMs < reader.everyMs) return {};
    this.#readAtMs = nowMs;
    this.#figures = await reader.read(this.#abort.signal);
    const { cpuPercent, memoryPercent } = this.#figures;
    return {
      cpu: this.#finding('of the processors', cpuPercent, 'cpu'),
      memory: this.#finding('of the memory', memoryPercent, 'memory'),
    };
  }

  close(): void {
    this.#abort.abort();
  }

  #finding(what: string, answer: Answer<number>, name: 'cpu' | 'memory'): Finding {
    const source = this.#reader?.source ?? '';
    if ('skipped' in answer) return { skipped: `${source}: ${answer.skipped}` };
    const limits = limitsOf(this.#settings.thresholds[name]);
    return {
      value: answer.value,
      unit: 'percent',
      limits,
      message: `${answer.value} % ${what} are in use (${source})`,
    };
  }

  /** Without a configured source it depends on where the server is, which may not be known yet. */
  #create(): ResourceReader | undefined {
    const { resources, connectionString } = this.#settings;
    try {
      return resourceReader(resources, resources ? '' : connectionString());
    } catch {
      return undefined;
    }
  }
}
