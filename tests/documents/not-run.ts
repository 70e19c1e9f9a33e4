const OWN_TOOLS = 'it is for a machine without Node; backend/backups/test/own-tools.test.ts runs each line';

/**
 * Why a block marked `sh no-run` cannot run against a started stack, by its document and first line. A block that is not
 * here fails the test, and so does an entry without a block.
 */
export const NOT_RUN: Readonly<Record<string, string>> = {
  'README.md: npm start': 'the test has started the stack already, on ports and in a folder of its own',
  'README.md: npm test': 'it would run itself',
  'CONTRIBUTING.md: git clone <address> clearway && cd clearway': 'it installs and starts a second clone',
  'CONTRIBUTING.md: npm test': 'it would run itself',
  'CONTRIBUTING.md: .ci/run': 'it would run itself, on two versions of Node',
  'docs/guides/backup-schedules.md: npx clearway backup run notice':
    'it needs a channel; backend/cli/test/backup-unattended.test.ts sends to one',
  'docs/guides/backup-schedules.md: curl -X POST -H "Authorization: Bearer $CRON_SECRET" https://worker.example.com/api/cron/backup':
    'it needs a secret that the started worker does not have',
  'docs/guides/backup-schedules.md: npx clearway backup neon create':
    'it needs a project at Neon; backend/cli/test runs the commands against a server that speaks its API',
  'docs/guides/backups.md: zstd -dc "$FILE" | pg_restore --exit-on-error --dbname="$TARGET"': OWN_TOOLS,
  'docs/guides/backups.md: pg_restore --exit-on-error --dbname="$TARGET" --jobs=2 "$FILE"': OWN_TOOLS,
  'docs/guides/backups.md: pg_restore --dbname="$TARGET" --jobs=2 "$FILE"': OWN_TOOLS,
  'docs/guides/backups.md: zstd -dc "$FILE" | psql --quiet --output=/dev/null --set=ON_ERROR_STOP=1 --dbname="$TARGET"':
    OWN_TOOLS,
  'docs/guides/database-monitoring.md: curl -H "Authorization: Bearer $CRON_SECRET" https://worker.example.com/api/cron/monitor':
    'it needs a secret that the started worker does not have',
  'docs/guides/deployment-watch.md: npx clearway database exec tracks -- npm run separate -w examples/tracks-service -- contract':
    'it takes columns away that later documents need; examples/tracks-service/test runs it',
  'docs/guides/errors.md: SENTRY_DSN=https://key@o0.ingest.sentry.io/1 SENTRY_ENVIRONMENT=production npm start':
    'it needs a Sentry project; tests/end-to-end sends events to a receiver',
  'docs/guides/operations.md: npm ci --omit=optional && npm run build':
    'it installs anew and needs a PostgreSQL of its own',
  'docs/guides/operations.md: docker compose up --build': 'it needs Docker',
  'docs/guides/postgresql.md: npx clearway database copy --from old.db --dry-run':
    'it needs a SQLite database; backend/cli/test copies one with the same commands',
  'docs/guides/tracing.md: docker compose -f docker-compose.tracing.yml up -d': 'it needs Docker',
};
