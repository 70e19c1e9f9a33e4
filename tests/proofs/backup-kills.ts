import { killBackups } from './support/backup-kills.ts';
import { atLeast, atMost, type Proof } from './support/proof.ts';

const WHOLE = { creates: 15, restores: 15, rows: 100_000 };
const SHORT = { creates: 2, restores: 2, rows: 500 };

export const proof: Proof = {
  guarantee:
    'Backups and restores are killed with SIGKILL at random moments: no good backup is lost, no half one is called good, and the target of a restore is whole.',
  async run({ isShort, progress, signal }) {
    const extent = isShort ? SHORT : WHOLE;
    const found = await killBackups(extent, progress, signal);
    return {
      bars: [
        atMost('good backups lost', found.goodOnesLost, 0),
        atMost('half backups called good', found.halfOnesCalledGood, 0),
        atMost('targets of a restore that were neither as before nor restored', found.torn, 0),
        atMost('things that the next run left behind', found.leftovers, 0),
        atLeast('processes killed before they ended', found.kills, isShort ? 1 : 20),
      ],
      measurements: { ...extent, ...found },
    };
  },
};
