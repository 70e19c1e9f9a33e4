import { parseArgs } from 'node:util';

/** What the command line asked for. */
export interface StackOptions {
  readonly watch: boolean;
  readonly verbose: boolean;
  readonly help: boolean;
}

export const HELP = `Starts all of Clearway on this machine: PostgreSQL, worker, the example service and the gateway.

  npm start                         start, until Ctrl-C
  npm run dev                       the same, and restart what a change affects
  npm start -- --verbose            show also what the processes say while they start

Options
  --watch      restart the affected processes when a source file changes
  --verbose    show all lines of the processes from the beginning
  --help       show this

Variables (from the environment, else from the file .env)
  GATEWAY_PORT=8000     ADMIN_PORT=8001     WORKER_PORT=8002
  TRACKS_PORT=4000      the example service
  DATABASE_PORT=54329   the embedded PostgreSQL
  DATABASE_URL          use this database and not the embedded one
  TRACKS_DATABASE_URL   the same for the example's database
  DATA_DIRECTORY=.data  where the database and the traces are kept
  LOG_FORMAT            pretty or json; pretty on a terminal

Examples
  GATEWAY_PORT=9000 npm start
  DATABASE_URL=postgresql://me:secret@db.example.com/clearway npm start
  LOG_FORMAT=json npm start
`;

/** Reads the command line. Throws an Error that names an unknown flag. */
export function readOptions(args: readonly string[]): StackOptions {
  const flag = { type: 'boolean', default: false } as const;
  const options = { watch: flag, verbose: flag, help: { ...flag, short: 'h' } } as const;
  return parseArgs({ args: [...args], options, strict: true }).values;
}
