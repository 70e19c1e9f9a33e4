import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openBenchServer, type BenchServer } from '../../backups/test/support/bench.ts';
import { startNeonServer } from '../../backups/test/support/neon-server.ts';
import { onCalendar } from '../src/backup/schedule/on-calendar.ts';
import { clearway, type Outcome } from './support/context.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'clearway-unattended-'));
const programs = path.join(directory, 'programs');
const crontab = path.join(directory, 'crontab.txt');
const notices: string[] = [];
let hook: Server;
let server: BenchServer;
let variables: Record<string, string>;

const backup = (args: readonly string[], more: Record<string, string> = {}): Promise<Outcome> =>
  clearway(['backup', ...args], { directory, variables: { ...variables, ...more } });

beforeAll(async () => {
  hook = createServer((req, res) => {
    req.on('data', (chunk: Buffer) => notices.push(chunk.toString()));
    req.on('end', () => res.end());
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  server = await openBenchServer();
  const url = await server.makeDatabase('shop', 'CREATE TABLE tracks AS SELECT g AS id FROM generate_series(1, 30) g');
  mkdirSync(programs);
  // keeps a crontab as the real one does, and refuses what it would refuse
  const program = `#!/bin/sh
if [ "$1" = -l ]; then
  [ -f '${crontab}' ] || { echo "no crontab for $(id -un)" >&2; exit 1; }
  exec cat '${crontab}'
fi
text=$(cat; echo .); text=\${text%.}
printf '%s' "$text" | grep -vE '^(#|$|([^ ]+ ){5}.)' && { echo 'bad minute' >&2; exit 1; }
printf '%s' "$text" > '${crontab}'
`;
  writeFileSync(path.join(programs, 'crontab'), program);
  chmodSync(path.join(programs, 'crontab'), 0o755);
  variables = {
    SHOP_URL: url,
    BACKUP_DIR: 'kept',
    PATH: `${programs}:${process.env['PATH']}`,
    SLACK_WEBHOOK_URL: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`,
  };
  writeFileSync(
    path.join(directory, 'clearway.yaml'),
    `version: 1
databases: [{ id: shop, url: env:SHOP_URL }]
backups:
  - database: shop
    verify: { schedule: '30 3 * * 1-5', server: env:SHOP_URL, allowSourceServer: true }
`,
  );
});
afterAll(async () => {
  await server?.close();
  await new Promise((resolve) => hook.close(resolve));
  rmSync(directory, { recursive: true, force: true });
});

describe('clearway backup run and monitor', () => {
  test('make, prove and judge by clearway.yaml, and tell what came of it without a worker', async () => {
    const before = await backup(['monitor', '--json']);
    expect(before.code).toBe(2);
    const made = await backup(['run', 'create']);
    expect(made).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^done {2}shop\n {2}\S+ was made and read once: local/),
    });
    expect((await backup(['monitor'])).out).toMatch(/critical {2}last exact {4}no backup was restored and found exact/);
    expect((await backup(['run', 'prove'])).code).toBe(0);
    const after = await backup(['monitor', '--json', '--notify']);
    const { status, databases } = JSON.parse(after.out) as {
      status: string;
      databases: { checks: { status: string }[] }[];
    };
    expect([after.code, status]).toEqual([0, 'ok']);
    expect(databases[0]?.checks).toHaveLength(10);
    expect(notices.map((notice) => (JSON.parse(notice) as { text: string }).text)).toEqual([
      '*The backup of shop was made*',
      '*The backup of shop was proven*',
    ]);
  });

  test('tell a failure with what to do, and end with its exit status', async () => {
    notices.length = 0;
    const failed = await backup(['run', 'create', '--json'], { SHOP_URL: 'postgresql://u:swordfish@127.0.0.1:1/shop' });
    expect(failed.code).toBe(10);
    expect(JSON.parse(failed.out)).toMatchObject({
      databases: [{ status: 'failed', failure: { reason: 'unreachable' } }],
    });
    expect(notices).toHaveLength(1);
    expect(notices.join() + failed.out + failed.error).not.toContain('swordfish');
    expect((await backup(['run', 'create', '--database', 'nobody'])).code).toBe(64);
  });

  test('hand-made backups, proofs and drills are told too where nobody sits at a terminal, or when it is asked for', async () => {
    const texts = async (args: string[], more: Record<string, string> = {}, ask?: () => Promise<string>) => {
      notices.length = 0;
      await clearway(['backup', ...args], { directory, variables: { ...variables, ...more }, ask });
      return notices.map((notice) => (JSON.parse(notice) as { text: string }).text);
    };
    const ask = (): Promise<string> => Promise.resolve('');
    const create = ['create', '--database', 'shop'];
    expect(await texts(create)).toEqual(['*The backup of shop was made*']);
    expect(await texts(create, {}, ask)).toEqual([]);
    expect(await texts([...create, '--notify'], {}, ask)).toEqual(['*The backup of shop was made*']);
    const url = 'postgresql://u:swordfish@127.0.0.1:1/shop';
    expect(await texts(['create', '--database', url])).toEqual(['*The backup of shop failed*']);
    expect(notices.join()).not.toContain('swordfish');
    const level = ['--level', 'decode'];
    expect(await texts(['verify', '--database', 'shop', ...level])).toEqual(['*The backup of shop was proven*']);
    expect(await texts(['verify', 'nothing', ...level])).toEqual(['*The backup of clearway could not be proven*']);
    const drill = await texts(['drill', '--database', 'shop', '--objective', '1h'], { VERIFY_SERVER_URL: url });
    expect(drill).toEqual([expect.stringMatching(/^\*The backup of shop (passed|failed) its drill\*$/)]);
  });

  test('let the notices be tried', async () => {
    notices.length = 0;
    expect((await backup(['run', 'notice'])).out).toBe('told slack');
    expect(notices).toHaveLength(1);
    expect((await backup(['run', 'notice'], { SLACK_WEBHOOK_URL: '' })).code).toBe(78);
    expect((await backup(['run', 'notice'], { SLACK_WEBHOOK_URL: 'http://127.0.0.1:1/' })).code).toBe(1);
  });
});

describe('with several storages', () => {
  const folder = path.join(directory, 'several');
  const several = (args: readonly string[]): Promise<Outcome> =>
    clearway(['backup', ...args], { directory: folder, variables: { ...variables, SLACK_WEBHOOK_URL: '' } });
  const dumpOf = (storage: string, id: string): string =>
    path.join(
      folder,
      storage,
      id,
      readdirSync(path.join(folder, storage, id)).find((file) => /^database/.test(file)) ?? '',
    );
  let id: string;

  beforeAll(async () => {
    mkdirSync(folder);
    const declared = `backupStorages: [{ id: offsite, type: directory, path: ${path.join(folder, 'offsite')} }]\n`;
    const text = readFileSync(path.join(directory, 'clearway.yaml'), 'utf8');
    writeFileSync(path.join(folder, 'clearway.yaml'), `${text}    storage: [local, offsite]\n${declared}`);
    expect((await several(['run', 'create'])).code).toBe(0);
    id = readdirSync(path.join(folder, 'offsite')).find((name) => name.startsWith('2')) ?? '';
  });

  test('--storage all proves each copy where it lies, and names the one that is damaged or missing', async () => {
    const verify = async () => {
      const { code, out } = await several(['verify', '--database', 'shop', '--storage', 'all', '--json']);
      const { copies } = JSON.parse(out) as {
        copies: { storage: string; state?: string; failure?: { reason: string } }[];
      };
      return { code, copies: copies.map(({ storage, state, failure }) => [storage, state, failure?.reason]) };
    };
    const dump = dumpOf('offsite', id);
    const whole = readFileSync(dump);
    writeFileSync(dump, whole.subarray(0, whole.length - 1));
    expect(await verify()).toEqual({
      code: 17,
      copies: [
        ['local', 'exact', undefined],
        ['offsite', 'damaged', 'damaged'],
      ],
    });
    rmSync(path.join(folder, 'offsite', id), { recursive: true });
    expect(await verify()).toEqual({
      code: 16,
      copies: [
        ['local', 'exact', undefined],
        ['offsite', undefined, 'not-found'],
      ],
    });
    expect((await several(['run', 'create'])).code).toBe(0);
    const well = await several([
      'verify',
      '--database',
      'shop',
      '--storage',
      'all',
      '--level',
      'decode',
      '--wait',
      '1s',
    ]);
    expect(well).toMatchObject({ code: 0, out: expect.stringMatching(/^local:\n.*\n.*\noffsite:\n/) });
  });

  test('drills go through all of them, and each tells what came back from there alone', async () => {
    const [newest = ''] = readdirSync(path.join(folder, 'offsite')).sort().reverse();
    writeFileSync(dumpOf('offsite', newest), 'no dump');
    const drill = await several(['drill', '--database', 'shop', '--storage', 'all', '--json']);
    expect(drill.code).toBe(17);
    const { drills } = JSON.parse(drill.out) as { drills: { storage: string; outcome: string }[] };
    const outcomes = drills.map(({ storage, outcome }) => [storage, outcome]);
    expect(outcomes).toEqual([
      ['local', 'passed'],
      ['offsite', 'failed'],
    ]);
    expect((await several(['run', 'drill'])).code).toBe(17);
    expect(readdirSync(path.join(folder, 'kept', 'drills'))).toHaveLength(4);
  });
});

describe('clearway backup schedule', () => {
  test('keeps one block in the crontab beside the lines of others, and takes just it away again', async () => {
    // in another encoding than ours, and with what an editor would tidy
    const others = Buffer.from('# f\u00fcr mich\n5 4 * * * true\n\n\n', 'latin1');
    writeFileSync(crontab, others);
    expect((await backup(['schedule', 'status', 'cron'])).code).toBe(1);
    const dry = await backup(['schedule', 'install', 'cron', '--dry-run']);
    expect(dry.out).toContain(`0 2 * * * cd ${directory} && ${process.execPath} `);
    expect(readFileSync(crontab)).toEqual(others);
    expect((await backup(['schedule', 'install', 'cron'])).out).toMatch(/^installed {2}cron/);
    expect((await backup(['schedule', 'install', 'cron'])).out).toMatch(/^unchanged {2}cron/);
    const written = readFileSync(crontab, 'utf8');
    expect(written.match(/BEGIN/g)).toHaveLength(1);
    expect(written).toMatch(/^30 3 \* \* 1-5 cd .* backup run prove --database shop$/m);
    expect(written).not.toContain('postgresql:');
    expect((await backup(['schedule', 'status', 'cron'])).code).toBe(0);
    // another environment has a block of its own
    await backup(['schedule', 'install', 'cron', '--environment', 'production']);
    expect(readFileSync(crontab, 'utf8')).toContain('--env-file=');
    await backup(['schedule', 'remove', 'cron', '--environment', 'production']);
    expect(readFileSync(crontab, 'utf8')).toBe(written);
    // also when nothing of the configuration is left
    expect((await backup(['schedule', 'remove', 'cron'], { SHOP_URL: '' })).out).toMatch(/^removed {2}cron/);
    expect(readFileSync(crontab)).toEqual(others);
    expect((await backup(['schedule', 'remove', 'cron'])).out).toMatch(/^absent {2}cron/);
  });

  test('says which variables of this shell the scheduler will not see', async () => {
    const processVariables = { SHOP_URL: 'postgresql://one', SLACK_WEBHOOK_URL: 'https://two', HOME: '/root' };
    const install = (text: string) =>
      clearway(['backup', 'schedule', 'install', 'systemd', '--units', path.join(directory, 'seen')], {
        directory,
        variables,
        processVariables,
        environmentFile: { name: '.env', text },
      });
    const { error } = await install('SLACK_WEBHOOK_URL=https://two\nBACKUP_DIR=kept');
    expect(error).toBe('warning: systemd does not see SHOP_URL of this shell: write them into .env');
    expect((await install('SLACK_WEBHOOK_URL=https://two\nSHOP_URL=postgresql://one')).error).toBe('');
  });

  test('writes timers and services, brings them up to date, and leaves files of others alone', async () => {
    const units = path.join(directory, 'units');
    const systemd = (action: string) => backup(['schedule', action, 'systemd', '--units', units]);
    expect((await systemd('status')).code).toBe(1);
    expect((await systemd('install')).out).toMatch(/^installed {2}systemd/);
    expect(readdirSync(units).sort()).toEqual(
      ['create', 'drill', 'prove', 'prune'].flatMap((work) => [
        `clearway-backup.${work}-shop.service`,
        `clearway-backup.${work}-shop.timer`,
      ]),
    );
    const timer = readFileSync(path.join(units, 'clearway-backup.prove-shop.timer'), 'utf8');
    expect(timer).toContain('OnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 03:30:00 UTC');
    const service = readFileSync(path.join(units, 'clearway-backup.create-shop.service'), 'utf8');
    expect(service).toMatch(/^ExecStart=\S+ \S+clearway\.js backup run create --database shop$/m);
    expect((await systemd('install')).out).toMatch(/^unchanged/);
    writeFileSync(path.join(units, 'clearway-backup.of-somebody.timer'), '[Timer]\n');
    writeFileSync(path.join(units, 'clearway-backup.prove-shop.timer'), `${timer}# touched\n`);
    expect(await systemd('status')).toMatchObject({ code: 1, out: expect.stringMatching(/^outdated/) });
    await systemd('install');
    expect((await systemd('remove')).out).toMatch(/^removed/);
    expect(readdirSync(units)).toEqual(['clearway-backup.of-somebody.timer']);
  });

  test.each([
    ['0 2 * * *', ['*-*-* 02:00:00 UTC']],
    ['*/15 * * * *', ['*-*-* *:00,15,30,45:00 UTC']],
    ['0 5 1 1,4,7,10 *', ['*-01,04,07,10-01 05:00:00 UTC']],
    ['0 3 * * sun', ['Sun *-*-* 03:00:00 UTC']],
    ['0 3 * * 5-7', ['Sun,Fri,Sat *-*-* 03:00:00 UTC']],
    // either of the two days, as cron has it
    ['0 3 1 * 1', ['*-*-01 03:00:00 UTC', 'Mon *-*-* 03:00:00 UTC']],
  ])('means the same with systemd as with cron: %s', (cron, calendar) => {
    expect(onCalendar(cron)).toEqual(calendar);
  });

  test('refuses other schedulers, and names that are none', async () => {
    expect((await backup(['schedule', 'install', 'launchd'])).code).toBe(64);
    expect((await backup(['schedule', 'install', 'cron', '-e', '../../etc'])).code).toBe(64);
    expect((await backup(['schedule', 'install', 'cron'], { PATH: '/nowhere' })).error).toContain(
      'there is no crontab',
    );
  });
});

describe('clearway backup neon', () => {
  test('makes, lists, restores and prunes, and asks before a branch is changed', async () => {
    const neon = await startNeonServer({ apiKey: 'neon-key', projectId: 'river-1' });
    try {
      neon.add({ name: 'main', default: true, data: 'monday' });
      const more = { NEON_API_KEY: 'neon-key', NEON_PROJECT_ID: 'river-1', NEON_API_URL: neon.baseUrl };
      const made = await backup(['neon', 'create', '--json'], more);
      const { name } = JSON.parse(made.out) as { name: string };
      expect((await backup(['neon', 'list'], more)).out).toContain(name);
      expect((await backup(['neon', 'restore', name], more)).code).toBe(64);
      expect((await backup(['neon', 'restore', name, '--yes'], more)).out).toMatch(/^restored {2}main from/);
      expect((await backup(['neon', 'prune', '--keep-days', '0'], more)).out).toBe('0 removed');
      expect(neon.names()).toContain(name);
      expect((await backup(['neon', 'list'], { ...more, NEON_API_KEY: 'wrong' })).code).toBe(11);
      expect((await backup(['neon', 'list'])).error).toContain('NEON_API_KEY is not set');
    } finally {
      await neon.close();
    }
  });
});
