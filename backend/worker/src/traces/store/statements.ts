import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { TraceState } from './trace-state.ts';

type Row = Record<string, SQLOutputValue>;

/** A stored span or log record, and which origin of its trace it has. */
export interface StoredItem {
  readonly origin: number;
  readonly body: string;
}

/** Every statement of the store, prepared once. */
export type Statements = ReturnType<typeof prepareStatements>;

const COLUMNS = `trace_id, class, bytes, rank, start_us, duration_us, name, service, services, route, method, path,
  status, reason, request_id, span_count, error_count, log_count`;

/** Prepares the statements of a database. */
export function prepareStatements(database: DatabaseSync) {
  const sql = (text: string) => database.prepare(text);
  const names = COLUMNS.split(',').map((name) => name.trim());
  const find = sql(`SELECT id, ${COLUMNS} FROM traces WHERE trace_id = ?`);
  const insert = sql(`INSERT INTO traces (${COLUMNS}) VALUES (${names.map(() => '?').join(', ')})`);
  const update = sql(`UPDATE traces SET ${names.map((name) => `${name} = ?`).join(', ')} WHERE id = ?`);
  const insertSpan = sql('INSERT OR IGNORE INTO spans (trace, span_id, origin, body) VALUES (?, ?, ?, ?)');
  const insertLog = sql('INSERT INTO logs (trace, number, origin, body) VALUES (?, ?, ?, ?)');
  const insertOrigin = sql('INSERT INTO origins (trace, number, body) VALUES (?, ?, ?)');
  const origins = sql('SELECT number, body FROM origins WHERE trace = ? ORDER BY number');
  const spans = sql('SELECT origin, body FROM spans WHERE trace = ?');
  const logs = sql('SELECT origin, body FROM logs WHERE trace = ? ORDER BY number');
  const oldest = sql('SELECT id, bytes FROM traces WHERE class = ? ORDER BY id LIMIT ?');
  const removals = ['spans WHERE trace', 'logs WHERE trace', 'origins WHERE trace', 'traces WHERE id'].map((what) =>
    sql(`DELETE FROM ${what} = ?`),
  );
  const byClass = sql('SELECT class, count(*) AS traces, sum(bytes) AS bytes FROM traces GROUP BY class');
  const pragmas = ['page_count', 'freelist_count', 'page_size'].map((name) => sql(`PRAGMA ${name}`));
  return {
    begin: sql('BEGIN IMMEDIATE'),
    commit: sql('COMMIT'),
    find: (traceId: string): TraceState | undefined => {
      const row = find.get(traceId);
      return row && stateOf(row);
    },
    insertTrace: (state: TraceState): number => Number(insert.run(...valuesOf(state)).lastInsertRowid),
    updateTrace: (state: TraceState): void => void update.run(...valuesOf(state), state.id),
    /** False when the trace has that span already: an exporter may send twice what it believes lost. */
    insertSpan: (trace: number, spanId: string, origin: number, body: string): boolean =>
      insertSpan.run(trace, spanId, origin, body).changes > 0,
    insertLog: (trace: number, number: number, origin: number, body: string): void =>
      void insertLog.run(trace, number, origin, body),
    insertOrigin: (trace: number, number: number, body: string): void => void insertOrigin.run(trace, number, body),
    origins: (trace: number) => origins.all(trace) as unknown as { number: number; body: string }[],
    spans: (trace: number) => spans.all(trace) as unknown as StoredItem[],
    logs: (trace: number) => logs.all(trace) as unknown as StoredItem[],
    oldest: (retention: number, limit: number) =>
      oldest.all(retention, limit) as unknown as { id: number; bytes: number }[],
    removeTrace: (id: number): void => removals.forEach((removal) => removal.run(id)),
    byClass: () => byClass.all() as unknown as { class: number; traces: number; bytes: number }[],
    /** Bytes of the database that hold something. */
    usedBytes: (): number => {
      const [pages = 0, free = 0, size = 0] = pragmas.map((pragma) => Number(Object.values(pragma.get() ?? {})[0]));
      return (pages - free) * size;
    },
  };
}

function valuesOf(s: TraceState) {
  return [
    ...[s.traceId, s.class, s.bytes, s.rank, s.startUs, s.durationUs, s.name, s.service, JSON.stringify(s.services)],
    ...[s.route, s.method, s.path, s.status, s.reason, s.requestId, s.spanCount, s.errorCount, s.logCount],
  ];
}

/** A row of the table `traces`. */
export function stateOf(row: Row): TraceState {
  return {
    id: row['id'] as number,
    traceId: row['trace_id'] as string,
    class: row['class'] as number,
    bytes: row['bytes'] as number,
    rank: row['rank'] as number,
    startUs: row['start_us'] as number,
    durationUs: row['duration_us'] as number,
    name: row['name'] as string,
    service: row['service'] as string,
    services: JSON.parse(row['services'] as string) as string[],
    route: row['route'] as string | null,
    method: row['method'] as string | null,
    path: row['path'] as string | null,
    status: row['status'] as number | null,
    reason: row['reason'] as string | null,
    requestId: row['request_id'] as string | null,
    spanCount: row['span_count'] as number,
    errorCount: row['error_count'] as number,
    logCount: row['log_count'] as number,
  };
}
