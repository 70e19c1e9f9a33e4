import { S3_SERVER } from '../../backend/backups/test/support/s3-server.ts';
import { killBackups } from './support/backup-kills.ts';
import { killStored } from './support/backup-kills-stored.ts';
import { atLeast, atMost, type Proof } from './support/proof.ts';

const WHOLE = { creates: 12, restores: 12, rows: 100_000, uploads: 15, prunes: 12 };
const SHORT = { creates: 2, restores: 2, rows: 500, uploads: 0, prunes: 0 };
const NO_STORED = { kills: 0, endedBefore: 0, halfOnesCalledGood: 0, goodOnesLost: 0, leftovers: 0 };

export const proof: Proof = {
  guarantee:
    'Backups, uploads to S3, prunes and restores are killed with SIGKILL at random moments: no good backup is lost, no half one is called good, and the target of a restore is whole.',
  async run({ isShort, progress, signal }) {
    const extent = isShort ? SHORT : WHOLE;
    if (!isShort && S3_SERVER === undefined) throw new Error('set CLEARWAY_S3_SERVER to the program of versitygw');
    const stored = isShort ? NO_STORED : await killStored(extent, progress, signal);
    const found = await killBackups(extent, progress, signal);
    const kills = { 'backups and restores': found.kills, 'uploads and prunes': stored.kills };
    return {
      bars: [
        atMost('good backups lost', found.goodOnesLost + stored.goodOnesLost, 0),
        atMost('half backups called good', found.halfOnesCalledGood + stored.halfOnesCalledGood, 0),
        atMost('targets of a restore that were neither as before nor restored', found.torn, 0),
        atMost('things that the next run left behind', found.leftovers + stored.leftovers, 0),
        atLeast('processes killed before they ended', found.kills + stored.kills, isShort ? 1 : 30),
      ],
      measurements: { ...extent, kills, endedBefore: found.endedBefore + stored.endedBefore },
    };
  },
};
