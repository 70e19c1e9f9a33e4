import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { SMTPServer } from 'smtp-server';
import { Webhook } from 'standardwebhooks';
import { openNotices, type BackupEvent } from '../src/index.ts';

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
let received: { headers: IncomingHttpHeaders; body: string }[];
const paused: number[] = [];
const pause = (ms: number) => Promise.resolve(paused.push(ms));

beforeAll(async () => {
  server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      received.push({ headers: req.headers, body: Buffer.concat(chunks).toString() });
      res.writeHead(answers.shift() ?? 200, { location: '/elsewhere' }).end('ok');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/services/T0/B0/s3cr3t-of-slack`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  answers = [];
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

  test('follow no redirect, and do not repeat the address when nobody answers', async () => {
    answers = [302, 302, 302];
    const [redirected] = await openNotices({ SLACK_WEBHOOK_URL: url }, { pause }).tell(EVENT);
    expect(redirected?.problem).toMatch(/^no answer/);
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

  test('go nowhere when no variable names a place', async () => {
    const notices = openNotices({ SLACK_WEBHOOK_URL: '' });
    expect(notices.channels).toEqual([]);
    expect(await notices.tell(EVENT)).toEqual([]);
  });
});
