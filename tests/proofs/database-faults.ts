import * as faults from './support/database-faults/faults.ts';
import type { Outcome, Scene } from './support/database-faults/faults.ts';
import {
  FULL_INTERVAL_MS,
  Observer,
  QUICK_INTERVAL_MS,
  REAL_TEMPO,
  SHORT_TEMPO,
  type Tempo,
} from './support/database-faults/observer.ts';
import { serverFaults } from './support/database-faults/server-faults.ts';
import { startSubject, type Subject } from './support/database-faults/subject.ts';
import { atMost, type Bar, type Proof, type ProofContext } from './support/proof.ts';

/** How much is done. */
interface Extent {
  readonly tempo: Tempo;
  readonly holdMs: number;
  readonly maxConnections: number;
  readonly manySessions: number;
  /** Majors whose server is stopped, restarted and replaced. */
  readonly replaced: readonly number[];
  /** Two passes, since one may have begun just before the fault; more where the machine does other things as well. */
  readonly limitSeconds: number;
  /** The server's statistics count the time for which a busy machine lets it wait, too. */
  readonly costLimitPercent: number;
}

const MAJORS = [15, 18];
const WHOLE: Extent = {
  tempo: REAL_TEMPO,
  holdMs: 60_000,
  maxConnections: 400,
  manySessions: 300,
  replaced: MAJORS,
  limitSeconds: 32,
  costLimitPercent: 1,
};
const SHORT: Extent = {
  tempo: SHORT_TEMPO,
  holdMs: 1000,
  maxConnections: 90,
  manySessions: 60,
  replaced: [18],
  limitSeconds: 10,
  costLimitPercent: 10,
};

/** Those that leave the rest of the server alone, and run side by side. */
const APART = {
  'ACCESS EXCLUSIVE held': faults.accessExclusive,
  'idle in transaction': faults.idleInTransaction,
  'a lost index under load': faults.lostIndex,
  'a deadlock storm': faults.deadlockStorm,
  'a sequence at 96 %': faults.sequenceNearEnd,
} as const;

/** Seconds until a fault counts by the shipped thresholds: what comes on top is the monitor's delay. */
const WAITS: Readonly<Record<string, number>> = {
  lock_wait: 30,
  idle_in_transaction: 60,
  connections: 300,
  sequential_reads: 30,
};

interface Report {
  readonly fault: string;
  readonly outcome: Outcome;
  readonly maxConnections: number;
  readonly slowestQuickMs: number;
  /** Time of the passes in the database while the fault lasted, of the time between passes as they are shipped. */
  readonly costPercent: number;
}

export const proof: Proof = {
  guarantee:
    'Whatever befalls a PostgreSQL database, the monitor says it within a pass of its threshold, over two connections and in less than a hundredth of its time, and sees it end.',
  async run({ isShort, progress }: ProofContext) {
    const extent = isShort ? SHORT : WHOLE;
    // side by side: nearly all of it is waiting for the next pass
    const results = await Promise.all(MAJORS.map((major) => onMajor(major, extent, progress)));
    return {
      bars: results.flatMap(({ bars }) => bars),
      measurements: Object.assign({}, ...results.map(({ measurements }) => measurements)) as Record<string, unknown>,
    };
  },
};

async function onMajor(major: number, extent: Extent, progress: ProofContext['progress']) {
  const [{ reports, cost, version }, server] = await Promise.all([
    onServer(major, extent, progress),
    extent.replaced.includes(major) ? serverFaults(major, extent.tempo) : undefined,
  ]);
  const bars = barsOf(major, reports, extent, cost.percent);
  const measurements: Record<string, unknown> = {
    [`PostgreSQL ${version}`]: { costOfPasses: cost, reports: reports.map(shown) },
  };
  if (server) {
    bars.push(...serverBars(major, server, extent));
    measurements[`PostgreSQL ${version}, the server itself`] = server;
  }
  return { bars, measurements };
}

async function onServer(major: number, extent: Extent, progress: ProofContext['progress']) {
  const subject = await startSubject(major, { max_connections: extent.maxConnections });
  try {
    const { version } = subject;
    progress(`PostgreSQL ${version}: faults side by side`);
    const apart = Object.entries(APART).map(([name, fault]) => observe(subject, name, fault, extent));
    const reports = await Promise.all([
      ...apart,
      observe(subject, 'a role without rights', faults.withoutRights, extent, true),
    ]);
    progress(`PostgreSQL ${version}: ${extent.manySessions} connections, then all of them`);
    reports.push(await observe(subject, `${extent.manySessions} connections`, faults.manyConnections, extent));
    reports.push(await observe(subject, 'pool exhausted', faults.poolExhausted, extent));
    progress(`PostgreSQL ${version}: what passes cost`);
    return { version, reports, cost: await costOf(subject, extent.tempo) };
  } finally {
    await subject.stop();
  }
}

async function observe(
  subject: Subject,
  fault: string,
  run: (scene: Scene) => Promise<Outcome>,
  { tempo, holdMs, manySessions }: Extent,
  isStranger = false,
): Promise<Report> {
  const database = await subject.createDatabase();
  const url = (): string => (isStranger ? database.strangerUrl : database.watcherUrl);
  const observer = new Observer(tempo, url, () => subject.cost(database));
  try {
    const outcome = await run({ database, observer, tempo, holdMs, manySessions });
    const { maxConnections, slowestQuickMs } = observer;
    return { fault, outcome, maxConnections, slowestQuickMs, costPercent: round(await observer.costPercent()) };
  } catch (error) {
    throw new Error(`${fault} on PostgreSQL ${subject.version}: ${(error as Error).message}`, { cause: error });
  } finally {
    await observer.close();
  }
}

/** What passes cost a server, by its own statistics, as a share of the time between two of them. */
async function costOf(subject: Subject, tempo: Tempo) {
  const database = await subject.createDatabase();
  const observer = new Observer(tempo, () => database.watcherUrl);
  const [quickPasses, fullPasses] = [20, 3];
  await observer.watch.quick();
  const startMs = await subject.cost(database);
  for (let i = 0; i < quickPasses; i++) await observer.watch.quick();
  const afterQuickMs = await subject.cost(database);
  for (let i = 0; i < fullPasses; i++) await observer.watch.full();
  const afterFullMs = await subject.cost(database);
  await observer.close();
  const quickMs = (afterQuickMs - startMs) / quickPasses;
  const fullMs = (afterFullMs - afterQuickMs) / fullPasses;
  const percent = 100 * (quickMs / QUICK_INTERVAL_MS + fullMs / FULL_INTERVAL_MS);
  return { percent: round(percent), quickMs: round(quickMs), fullMs: round(fullMs) };
}

function barsOf(major: number, reports: readonly Report[], extent: Extent, costPercent: number): Bar[] {
  const name = `PostgreSQL ${major}`;
  const delays = reports.flatMap(({ outcome }) =>
    outcome.said.map(({ check, afterSeconds }) => afterSeconds - (extent === WHOLE ? (WAITS[check] ?? 0) : 1)),
  );
  const broken = reports.flatMap(({ fault, outcome }) =>
    Object.entries(outcome.claims).flatMap(([claim, holds]) => (holds ? [] : [`${fault}: ${claim}`])),
  );
  // deadlocks and reads are counted over a minute, so they are over a minute later
  const recoveries = reports
    .filter(({ fault }) => fault !== 'a deadlock storm')
    .map(({ outcome }) => outcome.recoveredAfterSeconds);
  const which = broken.length > 0 ? ` (${broken.join('; ')})` : '';
  const { limitSeconds, costLimitPercent } = extent;
  return [
    atMost(`${name}: claims that do not hold${which}`, broken.length, 0),
    atMost(`${name}: connections of a watch`, Math.max(...reports.map(({ maxConnections }) => maxConnections)), 2),
    atMost(`${name}: time of the passes in the database (%)`, costPercent, extent === WHOLE ? 1 : costLimitPercent),
    atMost(
      `${name}: time of the passes in the database during the dearest fault (%)`,
      Math.max(...reports.map((report) => report.costPercent)),
      costLimitPercent,
    ),
    atMost(`${name}: said later than its threshold by (seconds)`, round(Math.max(...delays)), limitSeconds),
    atMost(`${name}: said that it is over after (seconds)`, round(Math.max(...recoveries)), limitSeconds),
  ];
}

function serverBars(
  major: number,
  { said, maxConnections }: Awaited<ReturnType<typeof serverFaults>>,
  { limitSeconds }: Extent,
): Bar[] {
  return [
    ...Object.entries(said).map(([what, { afterSeconds }]) =>
      atMost(`PostgreSQL ${major}: server ${what}, said after (seconds)`, afterSeconds, limitSeconds),
    ),
    atMost(`PostgreSQL ${major}: connections while the server comes and goes`, maxConnections, 2),
  ];
}

function shown({ fault, outcome, maxConnections, slowestQuickMs, costPercent }: Report) {
  return { fault, ...outcome, maxConnections, slowestQuickMs, costPercent };
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
