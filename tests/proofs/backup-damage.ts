import { openBench, openBenchServer } from '../../backend/backups/test/support/bench.ts';
import { DAMAGE, type Detection } from '../../backend/backups/test/support/damage.ts';
import { sourceOfDamage, twinOfDamage } from '../../backend/backups/test/support/damaged-database.ts';
import { detect } from '../../backend/backups/test/support/detect.ts';
import { detectAtStoring, STORAGE_DAMAGE } from '../../backend/backups/test/support/storage-damage.ts';
import { atLeast, atMost, type Proof } from './support/proof.ts';

export const proof: Proof = {
  guarantee: 'A damaged or misleading backup is found: each of them by exact, most of them by less.',
  async run({ isShort, progress, signal }) {
    const server = await openBenchServer();
    const bench = openBench(server);
    try {
      const role = server.name('role');
      const source = await server.makeDatabase('source', sourceOfDamage(role));
      const backup = await bench.create({ connectionString: source });
      const twin = await bench.create({ connectionString: await server.makeDatabase('twin', twinOfDamage(role)) });
      const detections: Detection[] = [];
      for (const damage of isShort ? DAMAGE.slice(0, 3) : DAMAGE) {
        signal.throwIfAborted();
        detections.push(await detect(damage, { backup, twin, engine: bench.engine, folder: bench.directory }));
        progress(damage.name);
      }
      for (const damage of isShort ? [] : STORAGE_DAMAGE)
        detections.push(await detectAtStoring(damage, { engine: bench.engine, connectionString: source }));
      const missed = detections.filter(({ exact }) => !exact);
      const bars = [atMost('damaged backups that exact does not find', missed.length, 0)];
      return {
        bars: isShort ? bars : [...bars, atLeast('damaged or misleading backups', detections.length, 20)],
        measurements: { detections },
      };
    } finally {
      await server.close();
      bench.close();
    }
  },
};
