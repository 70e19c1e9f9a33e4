import { expect, test } from '@jest/globals';
import { CopyPlan } from '../../src/flight-recorder/copy-plan.ts';

/** Whether all is copied, when copying succeeds. */
function looks(plan: CopyPlan, totalRequests: number, openRequests: number, beat: number): boolean {
  const state = { totalRequests, openRequests, beat };
  const isAll = plan.needsAll(state);
  if (isAll) plan.copied(state);
  return isAll;
}

test('all is copied until where the last request went has been written, and then signs of life only', () => {
  const plan = new CopyPlan();
  expect(looks(plan, 1, 1, 5)).toBe(true);
  // it ends, and is copied before the beat that writes where it went
  expect(looks(plan, 1, 0, 6)).toBe(true);
  expect(looks(plan, 1, 0, 6)).toBe(true);
  expect(looks(plan, 1, 0, 7)).toBe(true);
  expect(looks(plan, 1, 0, 8)).toBe(false);
  expect(looks(plan, 2, 0, 8)).toBe(true);
});

test('all is copied as long as a request is open: how far it has come changes with each beat', () => {
  const plan = new CopyPlan();
  expect([5, 6, 7, 8].map((beat) => looks(plan, 1, 1, beat))).toEqual([true, true, true, true]);
});

test('what could not be written is copied again', () => {
  const plan = new CopyPlan();
  const state = { totalRequests: 1, openRequests: 0, beat: 5 };
  plan.needsAll(state);
  expect(plan.needsAll({ ...state, beat: 9 })).toBe(true);
});
