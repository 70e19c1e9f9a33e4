import { afterEach, expect, test } from '@jest/globals';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readWorkerConfiguration } from '../src/config/configuration.ts';
import { reloadOnChange, type Reloading } from '../src/config/reload.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'clearway-reload-'));
const file = path.join(folder, 'clearway.yaml');
let reloading: Reloading | undefined;
afterEach(() => {
  reloading?.close();
  rmSync(folder, { recursive: true, force: true });
});

test('a saved file is gone over to, whatever changed in it, and a faulty one is refused with every problem', async () => {
  const seen: string[] = [];
  const waiting = new Set<() => void>();
  const note = (what: string): void => {
    seen.push(what);
    waiting.forEach((look) => look());
  };
  const until = (pattern: RegExp) =>
    new Promise<void>((resolve) => {
      const look = (): void => {
        if (seen.some((what) => pattern.test(what))) resolve();
      };
      waiting.add(look);
      look();
    });
  const say = (message: string, fields?: object): void => note(`${message} ${JSON.stringify(fields)}`);
  const save = (...lines: string[]): void => {
    // as editors do: written beside it, and moved into its place
    writeFileSync(`${file}.new`, ['version: 1', ...lines].join('\n'));
    renameSync(`${file}.new`, file);
  };

  save('databases: [{ id: shop, url: postgresql://127.0.0.1/shop }]');
  const read = () => readWorkerConfiguration(file, {});
  reloading = reloadOnChange({
    first: read(),
    read,
    swap: ({ databases, backupStorages }) =>
      Promise.resolve(note(`swap ${[...databases, ...backupStorages].map(({ id }) => id).join()}`)),
    log: { info: say, error: say },
  });

  save('databases: [{ id: shop, url: postgresql://127.0.0.1/shop }, { id: mail, url: postgresql://127.0.0.1/mail }]');
  await until(/^configuration changed/);
  expect(seen).toEqual(['swap shop,mail', 'configuration changed {"cause":"file"}']);

  seen.length = 0;
  save('databases: [{ id: shop, url: 7 }, { id: shop, url: postgresql://127.0.0.1/shop, quickSeconds: 0 }]');
  await until(/refused, the old one stays/);
  expect(seen).toEqual([expect.stringMatching(/url.*quickSeconds/s)]);

  seen.length = 0;
  save(
    'databases: [{ id: shop, url: postgresql://127.0.0.1/shop }, { id: mail, url: postgresql://127.0.0.1/mail }]',
    'backupStorages: [{ id: disk, type: directory, path: /mnt }]',
  );
  await until(/^configuration (changed|read)|refused/);
  await reloading.reload('signal');
  expect(seen).toEqual([
    'swap shop,mail,disk',
    'configuration changed {"cause":"file"}',
    'configuration read, nothing changed {"cause":"signal"}',
  ]);
});
