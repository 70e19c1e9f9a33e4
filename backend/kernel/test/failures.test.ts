import { describe, expect, test } from '@jest/globals';
import { Failure, FAILURE_REASONS, failureFacts, problemDocument, REFUSALS } from '../src/index.ts';

describe('the failure classes', () => {
  test('are those of the design, in its order: names are never reused or dropped', () => {
    expect(FAILURE_REASONS.join(' ')).toBe(
      'dns_failure connect_refused connect_timeout tls_failure reset_before_headers reset_mid_body headers_timeout ' +
        'body_timeout total_timeout circuit_open no_healthy_target upstream_5xx upstream_protocol client_abort ' +
        'client_timeout body_too_large rate_limited overloaded auth_missing auth_invalid auth_forbidden cors_rejected ' +
        'csrf_rejected address_denied headers_too_large request_invalid response_invalid route_not_found ' +
        'method_not_allowed internal',
    );
  });

  test.each(FAILURE_REASONS)('%s has an owner, an error status, a title and a remedy', (reason) => {
    const { owner, status, title, remedy } = failureFacts(reason);
    expect(['client', 'gateway', 'config', 'upstream', 'capacity']).toContain(owner);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
    expect(title).toMatch(/^[A-Z].*[^.]$/);
    expect(remedy).toMatch(/\.$/);
  });

  test('owned by the client have a 4xx status, all others a 5xx: who is paged follows from what was answered', () => {
    for (const reason of FAILURE_REASONS) {
      const { owner, status } = failureFacts(reason);
      expect([reason, status < 500]).toEqual([reason, owner === 'client']);
    }
  });

  test('that are refusals are all owned by the client', () => {
    expect([...REFUSALS].filter((reason) => failureFacts(reason).owner !== 'client')).toEqual([]);
  });
});

describe('a Failure', () => {
  test('keeps what is for operators apart from what is for the client', () => {
    const cause = new Error('connect ECONNREFUSED 10.0.0.7:4000');
    const failure = new Failure('connect_refused', { message: cause.message, cause });
    expect(failure).toMatchObject({ name: 'Failure', reason: 'connect_refused', detail: undefined, headers: {} });
    expect(failure.cause).toBe(cause);
    expect(JSON.stringify(problemDocument(failure.reason, { detail: failure.detail }))).not.toContain('10.0.0.7');
  });

  test('without a message says its detail, and without that its title', () => {
    expect(new Failure('request_invalid', { detail: 'No such page.' }).message).toBe('No such page.');
    expect(new Failure('internal').message).toBe('The gateway failed');
  });
});

describe('a problem document', () => {
  test('has the members of RFC 9457, the class, and the ids that join it to its trace', () => {
    expect(problemDocument('rate_limited', { detail: 'At most 5 a minute.', traceId: 't', requestId: 'r' })).toEqual({
      type: 'urn:clearway:problem:rate_limited',
      title: 'Too many requests',
      status: 429,
      reason: 'rate_limited',
      detail: 'At most 5 a minute.',
      remedy: 'Wait as long as Retry-After says.',
      traceId: 't',
      requestId: 'r',
    });
  });

  test('leaves out what is not known', () => {
    expect(Object.keys(problemDocument('internal'))).toEqual(['type', 'title', 'status', 'reason', 'remedy']);
  });
});
