import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { Webhook } from 'standardwebhooks';
import { createAuthority } from '../../../tests/end-to-end/support/certificates.ts';
import {
  BACKUP_CHECKS,
  openNotices,
  unwellEvents,
  type BackupCheck,
  type BackupCheckId,
  type BackupCheckStatus,
  type BackupEvent,
  type BackupStanding,
} from '../src/index.ts';

const SECRET = `whsec_${Buffer.from('a secret that is long enough').toString('base64')}`;
const EVENT: BackupEvent = {
  type: 'backup.failed',
  at: '2026-11-29T02:00:00.000Z',
  severity: 'critical',
  database: 'tracks',
  backupId: null,
  message: 'cannot reach postgresql://me:swordfish@db/tracks & <more>',
  remedy: 'start it',
  reason: 'unreachable',
  facts: { attempts: 3 },
};

let server: Server;
let url: string;
let answers: number[];
let retryAfter: string | undefined;
let received: { headers: IncomingHttpHeaders; body: string }[];
const paused: number[] = [];
const pause = (ms: number) => Promise.resolve(paused.push(ms));

beforeAll(async () => {
  server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      received.push({ headers: req.headers, body: Buffer.concat(chunks).toString() });
      const headers = { location: '/elsewhere', ...(retryAfter !== undefined && { 'retry-after': retryAfter }) };
      res.writeHead(answers.shift() ?? 200, headers).end('ok');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/services/T0/B0/s3cr3t-of-slack`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  answers = [];
  retryAfter = undefined;
  received = [];
  paused.length = 0;
});

describe('notices', () => {
  test('reach Slack with what happened and what to do, and without credentials', async () => {
    const outcome = await openNotices({ SLACK_WEBHOOK_URL: url }, { pause }).tell(EVENT);
    expect(outcome).toEqual([{ channel: 'slack', problem: undefined }]);
    const message = JSON.parse(received[0]?.body ?? '') as { text: string; attachments: { text: string }[] };
    expect(message.text).toBe('*The backup of tracks failed*');
    expect(message.attachments[0]?.text).toContain(
      'cannot reach postgresql://…@db/tracks &amp; &lt;more&gt;\n→ start it',
    );
    expect(received[0]?.body).not.toContain('swordfish');
  });

  test('are tried again while the receiver is unwell, not when it refuses, and never for ever', async () => {
    const notices = openNotices({ SLACK_WEBHOOK_URL: url }, { pause });
    answers = [503, 429, 200];
    expect(await notices.tell(EVENT)).toEqual([{ channel: 'slack', problem: undefined }]);
    answers = [404];
    expect(await notices.tell(EVENT)).toEqual([{ channel: 'slack', problem: 'it answered 404' }]);
    answers = [500, 500, 500, 200];
    expect(await notices.tell(EVENT)).toEqual([{ channel: 'slack', problem: 'it answered 500' }]);
    expect(received).toHaveLength(7);
    expect(paused).toHaveLength(4);
  });

  test('wait as long as the receiver asks, within reason', async () => {
    const notices = openNotices({ SLACK_WEBHOOK_URL: url }, { pause });
    for (const [asked, expected] of [
      ['7', 7000],
      ['86400', 30_000],
    ] as const) {
      [answers, retryAfter] = [[429, 200], asked];
      expect(await notices.tell(EVENT)).toEqual([{ channel: 'slack', problem: undefined }]);
      expect(paused.pop()).toBe(expected);
    }
  });

  test('are short and say figures as people do, and hide a password with an @ in it', async () => {
    const message = `postgresql://me:sword@fish@db/tracks: ${'x'.repeat(5000)}`;
    const facts = { sizeBytes: 12_345_678, restoreSeconds: 2.040430348000002 };
    await openNotices({ SLACK_WEBHOOK_URL: url }, { pause }).tell({ ...EVENT, message, facts });
    expect(received[0]?.body).toContain('unreachable, sizeBytes: 12.3 MB, restoreSeconds: 2\\n');
    expect(received[0]?.body).not.toContain('fish');
    expect(received[0]?.body.length).toBeLessThan(2500);
  });

  test('follow no redirect, and do not repeat the address when nobody answers', async () => {
    answers = [302];
    const [redirected] = await openNotices({ SLACK_WEBHOOK_URL: url }, { pause }).tell(EVENT);
    expect(redirected?.problem).toBe('it answered 302');
    expect(received).toHaveLength(1);
    const nobody = 'http://127.0.0.1:1/s3cr3t-of-slack';
    const [outcome] = await openNotices({ SLACK_WEBHOOK_URL: nobody }, { pause }).tell(EVENT);
    expect(outcome?.problem).toMatch(/^no answer/);
    expect(outcome?.problem).not.toContain('s3cr3t');
  });

  test('reach a webhook signed, under the same id at each try', async () => {
    answers = [500, 200];
    const notices = openNotices({ NOTICE_WEBHOOK_URL: url, NOTICE_WEBHOOK_SECRET: SECRET }, { pause });
    await notices.tell(EVENT);
    expect(received).toHaveLength(2);
    expect(received[1]?.headers['webhook-id']).toBe(received[0]?.headers['webhook-id']);
    const { body, headers } = received[1] as (typeof received)[number];
    const verified = new Webhook(SECRET).verify(body, headers as Record<string, string>) as { type: string };
    expect(verified).toMatchObject({
      type: 'backup.failed',
      data: { database: 'tracks', reason: 'unreachable', facts: { attempts: 3 } },
    });
    expect(body).not.toContain('swordfish');
  });

  test('say which secret cannot be used, and repeat none', async () => {
    const notices = openNotices({ NOTICE_WEBHOOK_URL: url, NOTICE_WEBHOOK_SECRET: 'no/base64!' }, { pause });
    expect(await notices.tell(EVENT)).toEqual([
      { channel: 'webhook', problem: 'NOTICE_WEBHOOK_SECRET is not whsec_ and base64' },
    ]);
    expect(received).toEqual([]);
  });

  test('reach every mailbox, and a mail server that refuses keeps no other channel from its notice', async () => {
    const mails: string[] = [];
    const accepts = { value: true };
    const smtp = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onRcptTo: (_address, _session, callback) =>
        callback(accepts.value ? null : Object.assign(new Error('no'), { responseCode: 550 })),
      onData(stream, _session, callback) {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          mails.push(Buffer.concat(chunks).toString());
          callback(null);
        });
      },
    });
    await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = smtp.server.address() as AddressInfo;
      const notices = openNotices(
        {
          SLACK_WEBHOOK_URL: url,
          ALERT_EMAIL_RECIPIENTS: 'a@example.com, b@example.com',
          ALERT_EMAIL_FROM: 'clearway@example.com',
          SMTP_URL: `smtp://127.0.0.1:${port}`,
        },
        { pause },
      );
      expect(notices.channels).toEqual(['slack', 'mail']);
      expect(await notices.tell(EVENT)).toEqual([
        { channel: 'slack', problem: undefined },
        { channel: 'mail', problem: undefined },
      ]);
      expect(mails[0]).toContain('Subject: The backup of tracks failed');
      expect(mails[0]).toContain('To: a@example.com, b@example.com');
      expect(mails[0]).not.toContain('swordfish');
      accepts.value = false;
      expect(await notices.tell(EVENT)).toEqual([
        { channel: 'slack', problem: undefined },
        { channel: 'mail', problem: 'the mail server did not take it: EENVELOPE (550)' },
      ]);
    } finally {
      await new Promise<void>((resolve) => smtp.close(() => resolve()));
    }
  });

  test('leave by the mail server of this machine, whose certificate nobody signed, and give a login to none without encryption', async () => {
    const logins: string[] = [];
    const { certificate: cert, key } = await (await createAuthority()).issue(['127.0.0.1']);
    const open = async (options: SMTPServerOptions) => {
      const mailServer = new SMTPServer({
        authOptional: true,
        onAuth: ({ username = '' }, _session, callback) => {
          logins.push(username);
          callback(null, { user: username });
        },
        onData: (stream, _session, callback) => void stream.resume().once('end', () => callback(null)),
        ...options,
      });
      await new Promise<void>((resolve) => mailServer.listen(0, '127.0.0.1', resolve));
      return mailServer;
    };
    const servers = [
      await open({ cert, key }),
      await open({ disabledCommands: ['STARTTLS'], allowInsecureAuth: true }),
    ];
    const [selfSigned, plain] = servers.map((each) => (each.server.address() as AddressInfo).port);
    const send = async (smtpUrl: string) => {
      const variables = {
        ALERT_EMAIL_RECIPIENTS: 'a@example.com',
        ALERT_EMAIL_FROM: 'c@example.com',
        SMTP_URL: smtpUrl,
      };
      const [outcome] = await openNotices(variables, { pause }).tell(EVENT);
      return outcome?.problem;
    };
    try {
      expect(await send(`smtp://127.0.0.1:${selfSigned}`)).toBeUndefined();
      expect(await send(`smtp://me:swordfish@127.0.0.1:${plain}`)).toBeUndefined();
      expect(logins).toEqual(['me']);
      // the same server by an address that is not known as that of this machine
      expect(await send(`smtp://me:swordfish@0.0.0.0:${plain}`)).toMatch(/^the mail server did not take it: E/);
      expect(logins).toEqual(['me']);
      expect(await send(`smtp://me:swordfish@0.0.0.0:${selfSigned}?tls.rejectUnauthorized=false`)).toBeUndefined();
      expect(logins).toEqual(['me', 'me']);
    } finally {
      for (const each of servers) await new Promise<void>((resolve) => each.close(() => resolve()));
    }
  });

  test('say once that something has not been well for some minutes, and once that all is well again', () => {
    const events = unwellEvents();
    const look = (minute: number, bad: Partial<Record<BackupCheckId, BackupCheckStatus>>, database = 'tracks') => {
      const checks = BACKUP_CHECKS.map((id): BackupCheck => ({ id, status: bad[id] ?? 'ok', message: `of ${id}` }));
      const checkedAt = new Date(Date.UTC(2026, 10, 29, 2, minute)).toISOString();
      return events({ database, checkedAt, checks } as unknown as BackupStanding).map(({ type, severity, message }) =>
        [type, severity, message].join(' '),
      );
    };
    const space = { space: 'warning' } as const;
    expect([look(0, space), look(3, {}), look(5, space), look(6, space)]).toEqual([[], [], [], []]);
    expect(look(10, space)).toEqual(['backup.unwell warning space: of space']);
    expect(look(15, space)).toEqual([]);
    expect(look(15, space, 'other')).toEqual([]);
    expect(look(20, { ...space, copies: 'critical' })).toEqual([]);
    expect(look(25, { ...space, copies: 'critical' })).toEqual([
      'backup.unwell critical space: of space; copies: of copies',
    ]);
    expect(look(30, { copies: 'critical' })).toEqual([]);
    expect(look(35, {})).toEqual(['backup.well info no check is critical or a warning any more']);
    expect(look(40, {})).toEqual([]);
    // a failure was told when it happened
    expect([look(45, { failures: 'critical' }), look(50, { failures: 'critical' })]).toEqual([[], []]);
  });

  test('go nowhere when no variable names a place', async () => {
    const notices = openNotices({ SLACK_WEBHOOK_URL: '' });
    expect(notices.channels).toEqual([]);
    expect(await notices.tell(EVENT)).toEqual([]);
  });
});
