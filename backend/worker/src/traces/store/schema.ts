/** Marks a file as ours: "clwt". */
export const APPLICATION_ID = 0x636c7774;

/** Changes with the tables; a file of another version is moved aside, since traces are not worth a migration. */
export const SCHEMA_VERSION = 1;

/** Larger than SQLite's default: a span beyond a page takes whole pages more. */
export const PAGE_BYTES = 8192;

/**
 * One row a trace; `origins` holds resource and scope once a trace, as JSON. Spans and log records have a rowid: without
 * one, a row above a quarter of a page would take a page of its own.
 */
export const TABLES = `
CREATE TABLE traces (
  id INTEGER PRIMARY KEY,
  trace_id TEXT NOT NULL UNIQUE,
  class INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  start_us INTEGER NOT NULL,
  duration_us INTEGER NOT NULL,
  name TEXT NOT NULL,
  service TEXT NOT NULL,
  services TEXT NOT NULL,
  route TEXT,
  method TEXT,
  path TEXT,
  status INTEGER,
  reason TEXT,
  request_id TEXT,
  span_count INTEGER NOT NULL,
  error_count INTEGER NOT NULL,
  log_count INTEGER NOT NULL
) STRICT;
CREATE INDEX traces_by_class ON traces (class, id);
CREATE INDEX traces_by_start ON traces (start_us, id);
CREATE INDEX traces_by_route ON traces (route, start_us, id) WHERE route IS NOT NULL;
CREATE INDEX traces_by_reason ON traces (reason, start_us, id) WHERE reason IS NOT NULL;
CREATE INDEX traces_by_request ON traces (request_id, start_us, id) WHERE request_id IS NOT NULL;
CREATE TABLE origins (
  trace INTEGER NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (trace, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE spans (
  trace INTEGER NOT NULL, span_id TEXT NOT NULL, origin INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE (trace, span_id)
) STRICT;
CREATE TABLE logs (
  trace INTEGER NOT NULL, number INTEGER NOT NULL, origin INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE (trace, number)
) STRICT;
`;
