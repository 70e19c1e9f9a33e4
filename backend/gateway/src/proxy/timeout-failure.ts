import { Failure, type FailureReason } from '@clearway/kernel';
import type { AttemptPhase } from './classify-error.ts';
import type { ExpiredLimit } from './time-limits.ts';
import { answerNotTaken } from './unread-answer.ts';
import type { Upload } from './upload.ts';

const BY_PHASE = {
  connecting: 'connect_timeout',
  sent: 'headers_timeout',
  answering: 'body_timeout',
} as const satisfies Record<AttemptPhase, FailureReason>;

/** How far an attempt had come when a limit was over. */
export interface Overdue {
  readonly phase: AttemptPhase;
  /** Whether the client does not take what there is of its answer. */
  readonly isAnswerUnread: boolean;
  /** The client's body, while it is on its way. */
  readonly upload: Pick<Upload, 'timeout'> | undefined;
  /** Whether it waits for one of the target's connections rather than for the target. */
  readonly isQueued: boolean;
  /** Whether the name of the target is being asked for. */
  readonly isResolving: boolean;
}

/** The failure of an attempt that a limit ends: whose fault it is depends on who is being waited for. */
export function timeoutFailure(limit: ExpiredLimit, overdue: Overdue): Failure {
  const { phase, isAnswerUnread, upload, isQueued, isResolving } = overdue;
  switch (limit) {
    case 'unread':
      return answerNotTaken();
    case 'upload':
      return upload?.timeout('headers_timeout') ?? new Failure('headers_timeout');
    case 'total':
      return isAnswerUnread ? answerNotTaken() : (upload?.timeout('total_timeout') ?? new Failure('total_timeout'));
    case 'phase':
      if (isQueued) return new Failure('overloaded');
      return phase === 'connecting' && isResolving
        ? new Failure('dns_failure', { message: 'the name of the target was not resolved in time' })
        : new Failure(BY_PHASE[phase]);
  }
}
