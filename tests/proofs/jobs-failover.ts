import { migrateDeploy } from '@clearway/database';
import { startJobs, type Jobs } from '@clearway/jobs';
import type { Proof, ProofContext } from './support/proof.ts';
import { silent } from './support/silent.ts';
import { startReplicatedServers, type ReplicatedServers } from './support/standby.ts';
import { tcpSwitch, type TcpSwitch } from './support/tcp-switch.ts';
import { barsOf, countAll, createTransfers, TransferClient, transferJob, untilDone } from './support/transfers.ts';

const WHOLE = { eventsPerSecond: 50, beforeSeconds: 20, duringSeconds: 3, afterSeconds: 20 };
const SHORT = { eventsPerSecond: 20, beforeSeconds: 1, duringSeconds: 2, afterSeconds: 0.5 };

export const proof: Proof = {
  guarantee:
    'The primary is killed and its synchronous standby takes over while jobs run: what was accepted is done, once, and counted once.',
  async run({ isShort, progress }: ProofContext) {
    const extent = isShort ? SHORT : WHOLE;
    const servers = await startReplicatedServers();
    const gate = await tcpSwitch(servers.primaryPort);
    const jobs = await startOn(servers, gate);
    const client = new TransferClient(jobs);
    try {
      progress('jobs run on the primary');
      await client.enqueueFor(extent.beforeSeconds, extent.eventsPerSecond);
      const enqueuing = client.enqueueFor(extent.duringSeconds, extent.eventsPerSecond);
      const startMs = performance.now();
      await servers.killPrimary();
      progress('the primary is dead');
      await servers.promote();
      gate.switchTo(servers.standbyPort);
      const promotedSeconds = (performance.now() - startMs) / 1000;
      progress('the standby has taken over');
      await enqueuing;
      await client.enqueueFor(extent.afterSeconds, extent.eventsPerSecond);
      const drainSeconds = await untilDone(jobs, progress);
      const seen = await countAll(jobs);
      const { effects, lost } = seen;
      const accepted = client.accepted.size;
      return {
        bars: barsOf(client.accepted, seen),
        measurements: { ...extent, accepted, promotedSeconds, drainSeconds, effects, lostRuns: lost },
      };
    } finally {
      await jobs.stop(0);
      await gate.close();
      await servers.stop();
    }
  },
};

async function startOn(servers: ReplicatedServers, gate: TcpSwitch): Promise<Jobs> {
  await migrateDeploy({ connectionString: servers.primaryUrl('postgres') });
  const url = new URL(servers.primaryUrl('postgres'));
  url.port = String(gate.port);
  const jobs = await startJobs({
    connectionString: url.toString(),
    service: 'proof',
    jobs: [transferJob()],
    log: silent,
    times: { heartbeatSeconds: 10, superviseSeconds: 1, pollMs: 500, signMs: 1000 },
  });
  await createTransfers(jobs);
  return jobs;
}
