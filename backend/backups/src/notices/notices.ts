import type { BackupEvent } from './backup-event.ts';
import { mailChannel, slackChannel, webhookChannel, type NoticeChannel } from './channels.ts';
import { withRetries } from './deliver.ts';
import { noticeText, scrubber } from './text.ts';

type Variables = Readonly<Record<string, string | undefined>>;

/** What became of a notice on one channel. */
export interface NoticeOutcome {
  readonly channel: NoticeChannel['name'];
  /** Why it did not leave; undefined when it did. */
  readonly problem: string | undefined;
}

/** Tells people of events, directly: neither worker nor database is needed. */
export interface Notices {
  readonly channels: readonly NoticeChannel['name'][];
  /** Tries to deliver an event on every channel, and never rejects. */
  tell(event: BackupEvent): Promise<NoticeOutcome[]>;
  /** Resolves when nothing is under way any more. */
  settled(): Promise<void>;
}

/** What holds credentials that a text might repeat. */
const SECRET_VARIABLES = [
  'SLACK_WEBHOOK_URL',
  'NOTICE_WEBHOOK_URL',
  'NOTICE_WEBHOOK_SECRET',
  'SMTP_URL',
  'NEON_API_KEY',
];
const MOST_UNDER_WAY = 50;

/**
 * Opens the channels that the variables name: `SLACK_WEBHOOK_URL`, `NOTICE_WEBHOOK_URL`, `ALERT_EMAIL_RECIPIENTS`.
 *
 * @param options `pause` waits between two tries
 * @example
 * const notices = openNotices(process.env);
 * await notices.tell(event);
 */
export function openNotices(
  variables: Variables,
  options: { readonly pause?: (ms: number) => Promise<unknown> } = {},
): Notices {
  const channels = channelsOf(variables);
  const scrub = scrubber(SECRET_VARIABLES.map((name) => variables[name]));
  const underWay = new Set<Promise<unknown>>();
  const send = async (channel: NoticeChannel, event: BackupEvent): Promise<NoticeOutcome> => {
    try {
      await withRetries(() => channel.send(event, noticeText(event, scrub)), options.pause);
      return { channel: channel.name, problem: undefined };
    } catch (error) {
      return { channel: channel.name, problem: scrub((error as Error).message) };
    }
  };
  return {
    channels: channels.map(({ name }) => name),
    async tell(event) {
      if (underWay.size >= MOST_UNDER_WAY) {
        return channels.map(({ name }) => ({
          channel: name,
          problem: `${MOST_UNDER_WAY} notices are under way already`,
        }));
      }
      const sent = Promise.all(channels.map((channel) => send(channel, event)));
      underWay.add(sent);
      return sent.finally(() => underWay.delete(sent));
    },
    async settled() {
      await Promise.all(underWay);
    },
  };
}

function channelsOf(variables: Variables): NoticeChannel[] {
  const set = (name: string): string | undefined => variables[name] || undefined;
  const [slack, webhook] = [set('SLACK_WEBHOOK_URL'), set('NOTICE_WEBHOOK_URL')];
  const recipients =
    set('ALERT_EMAIL_RECIPIENTS')
      ?.split(/[\s,]+/)
      .filter(Boolean) ?? [];
  return [
    ...(slack === undefined ? [] : [slackChannel(slack)]),
    ...(webhook === undefined ? [] : [webhookChannel(webhook, set('NOTICE_WEBHOOK_SECRET'))]),
    ...(recipients.length === 0 ? [] : [mailChannel(recipients, set('SMTP_URL'), set('ALERT_EMAIL_FROM'))]),
  ];
}
