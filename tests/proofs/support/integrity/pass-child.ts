// Run as a process of its own, and killed: makes passes over a database until there is nothing left to do, or so many.
import { integritySchema } from '@clearway/contracts';
import { createDatabase, IntegrityMonitor, integrityStore, openConnection } from '@clearway/database';

const { url, ownUrl, entry, passes } = JSON.parse(process.argv[2] ?? '{}') as {
  url: string;
  ownUrl: string;
  entry: object;
  passes?: number;
};
const own = createDatabase({ connectionString: ownUrl, applicationName: 'proof' });
const [settings] = integritySchema.parse([entry]);
if (!settings) throw new Error('no settings');
const monitor = new IntegrityMonitor({
  settings,
  store: integrityStore(own.pool),
  connect: (signal) => openConnection(url, 'clearway-integrity', signal),
});
if (passes !== undefined) process.send?.('begins');
for (let left = passes ?? Infinity; left > 0; left--) {
  const outcome = await monitor.pass();
  const checks = monitor.list().map(({ id, kind, status, violations, sample, reason, scan }) => ({
    id,
    kind,
    status,
    violations,
    sample,
    reason,
    scan,
  }));
  process.send?.({ outcome, checks });
  if (!outcome.hasMore) break;
}
await own.close();
process.disconnect();
