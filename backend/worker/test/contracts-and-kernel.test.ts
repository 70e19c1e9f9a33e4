import { describe, expect, test } from '@jest/globals';
import {
  failureReasonSchema,
  healthDocumentSchema,
  problemDocumentSchema,
  type HealthDocument,
  type ProblemDocument,
} from '@clearway/contracts';
import {
  FAILURE_REASONS,
  HealthRegistry,
  healthDocument,
  problemDocument,
  type HealthDocument as KernelHealthDocument,
  type ProblemDocument as KernelProblemDocument,
} from '@clearway/kernel';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';

// here, since neither of the two rooms may know the other
describe('contracts and kernel', () => {
  test('name the same failure classes in the same order', () => {
    expect(failureReasonSchema.options).toEqual([...FAILURE_REASONS]);
  });

  test.each(FAILURE_REASONS)('agree on the problem document of %s', (reason) => {
    const problem = problemDocument(reason, { detail: 'why', traceId: TRACE_ID, requestId: 'r-1' });
    expect(problemDocumentSchema.parse(problem)).toEqual(problem);
  });

  test('have interchangeable types', () => {
    const problem: ProblemDocument = problemDocument('internal') satisfies KernelProblemDocument;
    const back: KernelProblemDocument = problem;
    const health = (document: KernelHealthDocument): HealthDocument => document;
    const healthBack = (document: HealthDocument): KernelHealthDocument => document;
    expect([back.status, typeof health, typeof healthBack]).toEqual([500, 'function', 'function']);
  });

  test('agree on the health document', async () => {
    const registry = new HealthRegistry();
    registry.add({ id: 'up', required: true, timeoutMs: 100, probe: () => Promise.resolve() });
    registry.add({
      id: 'down',
      required: false,
      timeoutMs: 100,
      target: 'host',
      probe: () => Promise.reject(Error('x')),
    });
    const facts = { showDetails: true, nowMs: Date.now(), uptimeSeconds: 1, environment: 'test', version: '0' };
    const { document } = healthDocument(await registry.report(), facts);
    expect(healthDocumentSchema.parse(document)).toEqual(document);
  });
});
