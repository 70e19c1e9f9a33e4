import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { isLoopbackAddress } from '@clearway/kernel';
import { createTransport } from 'nodemailer';
import { Webhook } from 'standardwebhooks';
import type { BackupEvent } from './backup-event.ts';
import { NoticeFailure, post } from './deliver.ts';
import type { NoticeText } from './text.ts';

/** A way on which notices leave. */
export interface NoticeChannel {
  readonly name: 'slack' | 'webhook' | 'mail';
  /** @throws NoticeFailure */
  send(event: BackupEvent, text: NoticeText): Promise<void>;
}

const COLOURS = { info: '#2eb67d', warning: '#ecb22e', critical: '#e01e5a' } as const;

/** Posts to an incoming webhook of Slack, or of what is compatible with it. */
export function slackChannel(url: string): NoticeChannel {
  return {
    name: 'slack',
    send: ({ severity }, { title, lines }) => {
      const text = lines.map(escapeForSlack).join('\n');
      const attachments = [{ color: COLOURS[severity], text, mrkdwn_in: ['text'] }];
      return post(url, JSON.stringify({ text: `*${escapeForSlack(title)}*`, attachments }), {});
    },
  };
}

const escapeForSlack = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/**
 * Posts the event as JSON; with a secret it is signed.
 *
 * @param secret as Standard Webhooks have it: `whsec_` and base64
 * @see https://www.standardwebhooks.com
 */
export function webhookChannel(url: string, secret: string | undefined): NoticeChannel {
  return {
    name: 'webhook',
    send(event, { title, lines }) {
      // the same for every try, so that a receiver can tell a repetition
      const id = `msg_${createHash('sha256').update(JSON.stringify(event)).digest('hex').slice(0, 32)}`;
      const now = new Date();
      const timestamp = Math.floor(now.getTime() / 1000).toString();
      const { type, at, severity, database, backupId, reason, facts } = event;
      const [message] = lines;
      const data = { severity, database, backupId, title, message, reason, facts };
      const body = JSON.stringify({ type, timestamp: at, data });
      const signature = secret === undefined ? undefined : sign(secret, id, now, body);
      const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp };
      return post(url, body, { ...headers, ...(signature !== undefined && { 'webhook-signature': signature }) });
    },
  };
}

function sign(secret: string, id: string, at: Date, body: string): string {
  try {
    return new Webhook(secret).sign(id, at, body);
  } catch {
    throw new NoticeFailure('NOTICE_WEBHOOK_SECRET is not whsec_ and base64', false);
  }
}

const USUAL_SMTP = 'smtp://127.0.0.1:25';
const CONNECT_LIMIT_MS = 10_000;

/** Sends mails by SMTP; by the mail server of this machine unless another one is given. */
export function mailChannel(recipients: readonly string[], url = USUAL_SMTP, from?: string): NoticeChannel {
  return {
    name: 'mail',
    async send(_event, { title, lines }) {
      const transport = createTransport({
        url,
        ...encryptionFor(url),
        connectionTimeout: CONNECT_LIMIT_MS,
        greetingTimeout: CONNECT_LIMIT_MS,
        socketTimeout: CONNECT_LIMIT_MS,
      });
      try {
        await transport.sendMail({
          from: from ?? `clearway@${hostname()}`,
          to: [...recipients],
          subject: title,
          text: `${lines.join('\n')}\n`,
        });
      } catch (error) {
        throw mailFailure(error, url);
      } finally {
        transport.close();
      }
    },
  };
}

/**
 * The mail server of this machine has a certificate that nobody signed, and what is said to it does not leave the machine. A
 * login for another one is given only to who it is meant for.
 */
function encryptionFor(url: string): { ignoreTLS?: true; requireTLS?: true } {
  const { hostname: host, username, searchParams } = new URL(url);
  if (searchParams.size > 0) return {}; // whoever gives options decides by them
  if (isLoopbackAddress(host.replaceAll(/[[\]]/g, ''))) return { ignoreTLS: true };
  return username === '' ? {} : { requireTLS: true };
}

/** What the connection says names an address at most; what a mail server says may repeat the login, so that only its code is told. */
const SAID_BY_CONNECTION = new Set(['ESOCKET', 'ETLS', 'EDNS', 'ECONNECTION', 'ETIMEDOUT']);

function mailFailure(error: unknown, url: string): NoticeFailure {
  const {
    code = 'unknown',
    responseCode,
    message,
  } = error as { code?: string; responseCode?: number; message?: string };
  const status = responseCode === undefined ? '' : ` (${responseCode})`;
  const said = responseCode === undefined && SAID_BY_CONNECTION.has(code) ? `, ${message}` : '';
  const hint = url === USUAL_SMTP ? '; it is the one of this machine, unless SMTP_URL names another' : '';
  const isFinal = code === 'EAUTH' || code === 'EENVELOPE' || (responseCode ?? 0) >= 500;
  return new NoticeFailure(`the mail server did not take it: ${code}${status}${said}${hint}`, !isFinal);
}
