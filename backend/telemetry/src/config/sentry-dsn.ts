const DSN = /^https?:\/\/\w+(?::\w+)?@[\w.-]+(?::\d+)?\/(?:[\w./-]+\/)?\d+$/;

/** Whether a text is a DSN: `https://key@host/project`. Source: Sentry developer documentation, "DSN". */
export function isSentryDsn(text: string): boolean {
  return DSN.test(text);
}
