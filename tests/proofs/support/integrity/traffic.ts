import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** What requests to the database took. */
export interface TrafficFigures {
  readonly requests: number;
  readonly errors: number;
  readonly perSecond: number;
  readonly medianMs: number;
  readonly p99Ms: number;
}

const CLIENTS = 4;
/** Between two requests of a client: an application that leaves the server no time at all is another matter. */
const THINK_MS = 10;

/** Reads, inserts and changes single rows, as an application does, until it is told to stop. */
export function startTraffic(url: string, rows: number): { take(): TrafficFigures; stop(): Promise<void> } {
  const pool = new pg.Pool({ connectionString: url, max: CLIENTS, application_name: 'shop' });
  pool.on('error', () => {});
  let isOver = false;
  let durations: number[] = [];
  let errors = 0;
  let sinceMs = performance.now();
  let next = 0;
  const client = async (): Promise<void> => {
    while (!isOver) {
      const startMs = performance.now();
      const id = 1 + Math.floor(Math.random() * rows);
      const track = 1 + Math.floor(Math.random() * Math.ceil(rows / 10));
      try {
        await pool.query('SELECT p.note, t.title FROM posts p JOIN tracks t ON t.id = p.track_id WHERE p.id = $1', [
          id,
        ]);
        await pool.query('UPDATE posts SET note = $2 WHERE id = $1', [id, `note ${startMs}`]);
        await pool.query('INSERT INTO posts VALUES ($1, $2, $3)', [rows + 1_000_000 + next++, track, 'new']);
      } catch {
        errors++;
      }
      durations.push(performance.now() - startMs);
      await sleep(THINK_MS);
    }
  };
  const running = Promise.all(Array.from({ length: CLIENTS }, client));
  return {
    take() {
      const sorted = durations.toSorted((a, b) => a - b);
      const seconds = (performance.now() - sinceMs) / 1000;
      const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
      const figures = {
        requests: sorted.length,
        errors,
        perSecond: sorted.length / seconds,
        medianMs: at(0.5),
        p99Ms: at(0.99),
      };
      durations = [];
      errors = 0;
      sinceMs = performance.now();
      return figures;
    },
    async stop() {
      isOver = true;
      await running;
      await pool.end();
    },
  };
}
