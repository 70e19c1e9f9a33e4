import { integer, list, url, variable } from '@clearway/kernel';
import { z } from 'zod';

const section = 'Backups';
const text = () => z.string().optional();

/** Every variable that backups read, in the worker and on the command line. */
export const backupEnvironment = {
  BACKUP_DIR: variable(text(), 'Directory of the backups; backups in DATA_DIRECTORY unless it is set.', {
    section,
    example: '/var/backups/clearway',
  }),
  RETENTION_DAYS: variable(
    integer(0, 3650).optional(),
    'Days that proven backups are kept, where keepDays is not given; 30 unless it is set.',
    { section, example: '30' },
  ),
  BACKUP_RECIPIENTS: variable(
    text(),
    'Public keys of age, separated by commas: new backups are encrypted for them, where encryptFor is not given.',
    { section, example: 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kudcypqqjq5zh0' },
  ),
  AGE_IDENTITY_FILE: variable(text(), 'File with the private keys of age that open encrypted backups.', {
    section,
    example: '/etc/clearway/backup-key.txt',
  }),
  VERIFY_SERVER_URL: variable(
    url('postgresql', 'postgres').optional(),
    'Server to restore into when a backup is proven, where verify.server is not given; one of its own otherwise.',
    { section, example: 'postgresql://user:password@127.0.0.1:5432/postgres', secret: true },
  ),
  PG_DUMP: variable(text(), 'The pg_dump to use, instead of the one that fits best of those installed.', {
    section,
    example: '/usr/lib/postgresql/18/bin/pg_dump',
  }),
  NEON_API_KEY: variable(text(), 'Key of the API of Neon, for branches as instant backups.', { section, secret: true }),
  NEON_PROJECT_ID: variable(text(), 'Project at Neon.', { section, example: 'calm-river-12345678' }),
  NEON_API_URL: variable(url('https', 'http').optional(), "Another address of Neon's API, such as a proxy's.", {
    section,
    example: 'https://console.neon.tech/api/v2',
  }),
  SLACK_WEBHOOK_URL: variable(url('https', 'http').optional(), 'Slack webhook for notices of backups.', {
    section: 'Notices',
    secret: true,
    example: 'https://hooks.slack.com/services/…',
  }),
  NOTICE_WEBHOOK_URL: variable(
    url('https', 'http').optional(),
    'Webhook that is sent notices of backups as JSON, signed with NOTICE_WEBHOOK_SECRET.',
    { section: 'Notices', secret: true, example: 'https://example.com/hooks/backups' },
  ),
  NOTICE_WEBHOOK_SECRET: variable(text(), 'Secret that signs notices, as Standard Webhooks have it.', {
    section: 'Notices',
    secret: true,
    example: 'whsec_…',
  }),
  ALERT_EMAIL_RECIPIENTS: variable(list().optional(), 'Who is sent notices by mail, separated by commas.', {
    section: 'Notices',
    example: 'oncall@example.com,ops@example.com',
  }),
  SMTP_URL: variable(url('smtp', 'smtps').optional(), 'Mail server for notices.', {
    section: 'Notices',
    secret: true,
    example: 'smtps://user:password@mail.example.com:465',
  }),
  ALERT_EMAIL_FROM: variable(text(), 'Sender of mails; clearway@ and the name of the machine unless it is set.', {
    section: 'Notices',
    example: 'clearway@example.com',
  }),
};
