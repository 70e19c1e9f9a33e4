import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { backupsSchema, backupStoragesSchema, ruleBackupNames } from '@clearway/contracts';
import { systemClock } from '@clearway/kernel';
import { afterAll, describe, expect, test } from '@jest/globals';
import { openBackups, type OpenBackupsOptions } from '../src/index.ts';

const RECIPIENT = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kudcypqqjq5zh0'.padEnd(62, 'q');
const directory = mkdtempSync(path.join(tmpdir(), 'clearway-configured-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const messages = (schema: typeof backupsSchema | typeof backupStoragesSchema, input: unknown): string[] =>
  (schema.safeParse(input).error?.issues ?? []).map(({ path: at, message }) => `${at.join('.')}: ${message}`);

const open = (
  backups: unknown[],
  variables: Record<string, string> = {},
  more: Partial<OpenBackupsOptions['sections']> = {},
) =>
  openBackups({
    sections: {
      databases: [{ id: 'tracks', url: 'postgresql://u:p@db/tracks_live' }],
      backupStorages: [],
      ...more,
      backups: backupsSchema.parse(backups),
    },
    variables: { DATABASE_URL: 'postgresql://u:p@db/own', ...variables },
    directory,
    clock: systemClock,
  });

describe('the section backups', () => {
  test('needs nothing but the name of a database', () => {
    const [entry] = backupsSchema.parse([{ database: 'tracks' }]);
    expect(entry).toMatchObject({ schedule: '0 2 * * *', storage: ['local'], verify: { level: 'exact' } });
    expect(open([{ database: 'tracks' }]).database('tracks').policy.retention).toMatchObject({
      keepDays: 30,
      keepUnproven: 3,
    });
  });

  test('refuses what contradicts itself', () => {
    expect(messages(backupsSchema, [{ database: 'tracks' }, { database: 'tracks' }])).toEqual([
      "1.database: 'tracks' has an entry already",
    ]);
    expect(messages(backupsSchema, [{ database: 'tracks', schedule: '0 2 * *' }])).toEqual([
      '0.schedule: has 4 fields, not 5',
    ]);
    expect(messages(backupsSchema, [{ database: 'tracks', encryptFor: ['AGE-SECRET-KEY-1X'] }])).toEqual([
      '0.encryptFor.0: is not a recipient of age',
    ]);
    expect(messages(backupsSchema, [{ database: 'tracks', storage: ['local', 'local'] }])).toEqual([
      '0.storage: names a storage twice',
    ]);
    expect(messages(backupStoragesSchema, [{ id: 'local', type: 'directory', path: '/mnt' }])).toEqual([
      "0.id: 'local' is the directory of BACKUP_DIR",
    ]);
    expect(messages(backupStoragesSchema, [{ id: 's', type: 's3', bucket: 'Not A Bucket' }])).toEqual([
      '0.bucket: is not the name of a bucket',
    ]);
  });

  test('refuses databases and storages that nobody declared', () => {
    const backups = backupsSchema.parse([
      { database: 'shop', storage: ['local', 'offsite'] },
      { database: 'clearway' },
    ]);
    expect(ruleBackupNames({ databases: [], backups, backupStorages: [] }).map(({ message }) => message)).toEqual([
      "there is no database 'shop'",
      "there is no storage 'offsite'",
    ]);
  });
});

describe('opening backups', () => {
  test('takes what the entry leaves out from the variables that people know', () => {
    const variables = { BACKUP_DIR: 'elsewhere', RETENTION_DAYS: '14', BACKUP_RECIPIENTS: '' };
    const { storages, database, workDirectory } = open([{ database: 'clearway' }], variables);
    expect(workDirectory).toBe(path.join(directory, 'elsewhere'));
    expect(storages.get('local')?.location).toBe(workDirectory);
    expect(database('clearway').policy.retention.keepDays).toBe(14);
    expect(database('clearway').connectionString()).toBe('postgresql://u:p@db/own');
  });

  test('lets the entry win over the variables', () => {
    const { policy } = open([{ database: 'tracks', keepDays: 3, encryptFor: [] }], {
      RETENTION_DAYS: '14',
      BACKUP_RECIPIENTS: RECIPIENT,
    }).database('tracks');
    expect(policy.retention.keepDays).toBe(3);
    expect(policy.recipients).toEqual([]);
    expect(open([{ database: 'tracks', keepDaily: 7 }]).database('tracks').policy.retention.keepDays).toBeUndefined();
    expect(open([{ database: 'tracks', preset: 'week' }]).database('tracks').policy.retention.keepDays).toBe(7);
  });

  test('refuses a variable that cannot be used, without repeating it', () => {
    expect(() => open([{ database: 'clearway' }], { RETENTION_DAYS: 'a month' })).toThrow(
      'RETENTION_DAYS is not a number of days',
    );
    expect(() => open([{ database: 'clearway' }], { BACKUP_RECIPIENTS: 'nobody' })).toThrow('not a recipient');
  });

  test('knows the name on the server of a database that is nowhere, and says why it is nowhere', () => {
    const tracks = open([], {}, { databases: [{ id: 'tracks', url: 'embedded:songs' }] }).database('tracks');
    expect(tracks.nameOnServer).toBe('songs');
    expect(() => tracks.connectionString()).toThrow('the embedded server does not run');
    expect(() => open([]).database('shop')).toThrow("there is no database 'shop'");
  });

  test('puts copies where the entry says, the first one first', () => {
    const { storages } = open(
      [{ database: 'tracks', storage: ['mounted', 'local'] }],
      {},
      {
        backupStorages: [{ id: 'mounted', type: 'directory', path: 'mnt' }],
      },
    ).database('tracks');
    expect(storages.map(({ id, location }) => [id, path.relative(directory, location)])).toEqual([
      ['mounted', 'mnt'],
      ['local', path.join('.data', 'backups')],
    ]);
  });

  test('reads identities from the file that the variable names', async () => {
    const key = 'AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX';
    writeFileSync(path.join(directory, 'key.txt'), `# made by age-keygen\n${key}\n`);
    const { database } = open([], { AGE_IDENTITY_FILE: 'key.txt' });
    expect(await database('clearway').identities()).toEqual([key]);
    expect(await open([]).database('clearway').identities()).toEqual([]);
  });
});
