import type { FailureOwner } from '@clearway/kernel';
import { safe } from '../terminal/style.ts';
import { formatMs } from './milliseconds.ts';
import type { Story } from './story.ts';

const OWNERS: Readonly<Record<FailureOwner, string>> = {
  client: 'the client',
  gateway: 'the gateway itself',
  config: 'the configuration of the gateway',
  upstream: 'the upstream service',
  capacity: 'nobody: the gateway was at the limit of its capacity',
};

/** Whose fault a failure is, in words. */
export function ownerPhrase(owner: FailureOwner): string {
  return OWNERS[owner];
}

/** The request in one sentence: what it was, how it ended, and why. */
export function headline(story: Story): string {
  const { method, path, name, status, durationMs, failure, reason } = story;
  const what = safe(method !== undefined && path !== undefined ? `${method} ${path}` : name);
  const answer =
    status === undefined
      ? 'was not answered'
      : status === 499
        ? 'was given up by the client'
        : `was answered ${status}`;
  const why = failure ? `: ${lowerFirst(failure.title)}` : reason === undefined ? '' : `: ${safe(reason)}`;
  return `${what} ${answer} after ${formatMs(durationMs)}${why}`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
