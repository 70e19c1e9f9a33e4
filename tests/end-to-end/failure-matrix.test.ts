import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { FAILURE_REASONS } from '@clearway/kernel';
import { expectAgreement } from './failure-matrix/agreement.ts';
import { FAILURE_MATRIX } from './failure-matrix/index.ts';
import { reachableFailures } from './failure-matrix/reachable.ts';
import { startMatrix, type FailureMatrix } from './failure-matrix/runner.ts';

describe.each(FAILURE_MATRIX)('failures of $name: span, metric, log line, header and body name one class', (group) => {
  let matrix: FailureMatrix;
  beforeAll(async () => {
    matrix = await startMatrix(group);
  });
  afterAll(() => matrix.stop());

  test.each(group.cases)('$reason: $title', async (failure) => {
    expectAgreement(failure, await matrix.run(failure), matrix);
  });
});

test('every failure class that the data plane can name has a case', () => {
  const covered = new Set(FAILURE_MATRIX.flatMap(({ cases }) => cases.map(({ reason }) => reason)));
  const reachable = reachableFailures();
  expect(reachable.filter((reason) => !covered.has(reason))).toEqual([]);
  // the walk itself must not go blind
  expect(reachable).toContain('connect_refused');
  expect(reachable.length).toBeGreaterThan(FAILURE_REASONS.length / 2);
});
