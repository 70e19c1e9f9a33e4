import { Option, type Command } from '@commander-js/extra-typings';
import { DEFAULT_FILE } from '../config-file.ts';
import type { CliContext } from '../context.ts';
import { httpUrl, workerUrl } from '../operations/client.ts';
import type { Finish } from '../program.ts';
import { copy } from './copy.ts';
import { execute } from './exec.ts';
import { installFunctions } from './install-monitoring.ts';
import { listIntegrity, runIntegrity, showIntegrity } from './integrity.ts';
import { listMigrations, sampleMigration, setPhase, showMigration } from './migrations.ts';
import { setUp } from './setup.ts';
import { showStatus } from './status.ts';

const EXAMPLES = `
Examples
  clearway database status                                   how every watched database stands
  clearway database setup --check                            is DATABASE_URL fit, and what is missing?
  clearway database setup                                    checks, migrates, verifies
  clearway database copy --from old.db --dry-run             what would be copied from SQLite, and what stands in the way
  clearway database copy --from old.db --to env:DATABASE_URL
  clearway database integrity                                what is violated, in every database
  clearway database migrations                               how far the data migrations are
`;
const SETUP_EXAMPLES = `
Examples
  clearway database setup
  clearway database setup --to env:SHOP_DATABASE_URL --migrations ./prisma/migrations
  clearway database setup --check --json
`;
const INSTALL_EXAMPLES = `
The monitor works without them. With them, a role that is granted pg_monitor also sees sequences and bloat, and people and dashboards
may call monitoring.get_slow_queries() and others. Nothing else is touched, and it may be repeated.

Examples
  clearway database install-monitoring tracks
  clearway database install-monitoring --to env:SHOP_OWNER_URL
`;
const COPY_EXAMPLES = `
The target has to be migrated and empty. All is copied in one transaction, which counts only when every table has as many rows and the
same checksum on both sides, read back from PostgreSQL.

Examples
  clearway database copy --from dev.db --dry-run
  clearway database copy --from dev.db --to env:DATABASE_URL --skip sessions --skip users.legacy_id
  clearway database copy --from dev.db --moments seconds --json
`;
const INTEGRITY_EXAMPLES = `
Examples
  clearway database integrity list --status violated
  clearway database integrity show tracks public.posts.posts_track_id_fkey
  clearway database integrity run tracks --reason "after the import"
`;
const MIGRATIONS_EXAMPLES = `
Examples
  clearway database migrations list --json
  clearway database migrations show separate-tracks-from-posts
  clearway database migrations sample separate-tracks-from-posts
  clearway database migrations phase separate-tracks-from-posts baseline --reason "after the upgrade"
`;
const EXEC_EXAMPLES = `
Examples
  clearway database exec tracks -- npm run separate -w examples/tracks-service -- status
  clearway database exec clearway -- sh -c 'psql "$DATABASE_URL"'
`;

/** Adds `clearway database`. */
export function addDatabaseCommand(program: Command, context: CliContext, finish: Finish): void {
  const database = program
    .command('database')
    .summary('set up, copy and look after PostgreSQL databases')
    .description('Sets databases up, copies data into them, and shows what is found out about them.')
    .addHelpText('after', EXAMPLES);
  database
    .command('setup')
    .summary('check a PostgreSQL database, migrate it and verify it')
    .description(
      'Checks connection, version, rights and extensions, applies the migrations, and writes and reads once.',
    )
    .option('--to <database>', 'the database: env:NAME, or a URL without password', 'env:DATABASE_URL')
    .option('--migrations <folder>', "migrations to apply; Clearway's own when left out")
    .option('--check', 'only look, and change nothing')
    .option('--json', 'print JSON, for scripts')
    .addHelpText('after', SETUP_EXAMPLES)
    .action(async (options) => finish(await setUp(context, options)));
  addMonitoring(database, context, finish);
  addCopy(database, context, finish);
  addIntegrity(database, context, finish);
  addMigrations(database, context, finish);
  database
    .command('exec')
    .summary('run a program with DATABASE_URL of one of the databases')
    .description('Runs a program with DATABASE_URL of a database of clearway.yaml, also of the embedded ones.')
    .argument('<database>', 'id of the database')
    .argument('<command...>', 'the program and its arguments, after --')
    .option('-f, --file <file>', 'the configuration', DEFAULT_FILE)
    .addHelpText('after', EXEC_EXAMPLES)
    .action(async (id, words, options) => finish(await execute(context, id, words, options)));
}

function addMonitoring(database: Command, context: CliContext, finish: Finish): void {
  database
    .command('status')
    .summary('how the watched databases stand, what is wrong and what to do')
    .description('Shows what the worker found out last. Ends with 1 when a database is not well.')
    .argument('[database]', 'id of the database')
    .option('--all', 'show also what is well')
    .option('-u, --url <url>', 'address of the worker', httpUrl, workerUrl(context))
    .option('--json', 'print JSON, for scripts')
    .action(async (id, options) => finish(await showStatus(context, id, options)));
  database
    .command('install-monitoring')
    .summary('install the functions of the schema monitoring in a database')
    .description('Installs the monitoring functions, or brings them up to date. Connect as the owner of the tables.')
    .argument('[database]', 'id of a database of the configuration')
    .option('--to <database>', 'another database: env:NAME, or a URL without password')
    .option('-f, --file <file>', 'the configuration', DEFAULT_FILE)
    .addHelpText('after', INSTALL_EXAMPLES)
    .action(async (id, options) => finish(await installFunctions(context, id, options)));
}

function append(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}

function addCopy(database: Command, context: CliContext, finish: Finish): void {
  database
    .command('copy')
    .summary('copy a SQLite file into PostgreSQL, and compare every value')
    .description(
      'Copies the data of a SQLite file into a PostgreSQL database, all or nothing, and compares both sides.',
    )
    .requiredOption('--from <file>', 'the SQLite file, which is only read')
    .option('--to <database>', 'the database: env:NAME, or a URL without password', 'env:DATABASE_URL')
    .option('--schema <schema>', 'schema of the tables', 'public')
    .option('--skip <name>', 'leave out a table or a table.column; may be repeated', append, [])
    .addOption(
      new Option('--moments <unit>', 'what numbers in columns of dates count; by their size unless it is said')
        .choices(['auto', 'seconds', 'milliseconds', 'microseconds'] as const)
        .default('auto' as const),
    )
    .option('--dry-run', 'look at everything, convert every value, and write nothing')
    .option('--json', 'print JSON, for scripts')
    .addHelpText('after', COPY_EXAMPLES)
    .action(async (options) => finish(await copy(context, options)));
}

function addIntegrity(database: Command, context: CliContext, finish: Finish): void {
  const integrity = database
    .command('integrity')
    .summary('what does not hold in the data: foreign keys, relations, invariants')
    .description('Shows the integrity checks of all databases. Ends with 1 when one is violated.')
    .addHelpText('after', INTEGRITY_EXAMPLES);
  integrity
    .command('list', { isDefault: true })
    .summary('list checks, violated ones first')
    .option('--database <id>', 'only of this database')
    .option('--status <status>', 'only such: ok, violated, skipped, failed, pending')
    .option('-u, --url <url>', 'address of the worker', httpUrl, workerUrl(context))
    .option('--json', 'print JSON, for scripts')
    .action(async (options) => finish(await listIntegrity(context, options)));
  integrity
    .command('show')
    .summary('show one check with keys of offending rows and its history')
    .argument('<database>', 'id of the database')
    .argument('<check>', 'name of the check')
    .option('-u, --url <url>', 'address of the worker', httpUrl, workerUrl(context))
    .option('--json', 'print JSON, for scripts')
    .action(async (id, check, options) => finish(await showIntegrity(context, id, check, options)));
  integrity
    .command('run')
    .summary('have checks run in the next pass; all of them when none is named')
    .argument('<database>', 'id of the database')
    .argument('[check...]', 'names of checks')
    .requiredOption('--reason <text>', 'why, for the audit')
    .option('-u, --url <url>', 'address of the worker', httpUrl, workerUrl(context))
    .option('--json', 'print JSON, for scripts')
    .action(async (id, checks, options) => finish(await runIntegrity(context, id, checks, options)));
}

function addMigrations(database: Command, context: CliContext, finish: Finish): void {
  const migrations = database
    .command('migrations')
    .summary('how far data migrations are, and whether they made anything worse')
    .description('Shows the declared data migrations. Ends with 1 when one needs a person.')
    .addHelpText('after', MIGRATIONS_EXAMPLES);
  migrations
    .command('list', { isDefault: true })
    .summary('list data migrations')
    .option('-u, --url <url>', 'address of the worker', httpUrl, workerUrl(context))
    .option('--json', 'print JSON, for scripts')
    .action(async (options) => finish(await listMigrations(context, options)));
  migrations
    .command('show')
    .summary('show one with its comparison before, during and after')
    .argument('<migration>', 'name of the migration')
    .option('-u, --url <url>', 'address of the worker', httpUrl, workerUrl(context))
    .option('--json', 'print JSON, for scripts')
    .action(async (name, options) => finish(await showMigration(context, name, options)));
  migrations
    .command('sample')
    .summary('look now instead of at the next time, and show what there is')
    .argument('<migration>', 'name of the migration')
    .option('-u, --url <url>', 'address of the worker', httpUrl, workerUrl(context))
    .option('--json', 'print JSON, for scripts')
    .action(async (name, options) => finish(await sampleMigration(context, name, options)));
  migrations
    .command('phase')
    .summary('set the phase by hand: a new baseline, or begun before anything is done')
    .argument('<migration>', 'name of the migration')
    .argument('<phase>', 'baseline, active, validation or steady')
    .requiredOption('--reason <text>', 'why, for the audit')
    .option('-u, --url <url>', 'address of the worker', httpUrl, workerUrl(context))
    .option('--json', 'print JSON, for scripts')
    .action(async (name, phase, options) => finish(await setPhase(context, name, phase, options)));
}
