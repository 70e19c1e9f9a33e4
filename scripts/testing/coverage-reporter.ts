import { CoverageReporter } from '@jest/reporters';
import type { CoverageMap } from 'istanbul-lib-coverage';
import { childCoverage } from './child-coverage.ts';

interface Result {
  map: CoverageMap;
}
interface Internals {
  _getCoverageResult: (this: Internals) => Promise<Result>;
}

/**
 * Adds what child processes executed to what jest measured in its own, before jest reports it and compares it with the
 * thresholds. Jest has no hook at that point, so the method that makes its result is wrapped (@jest/reporters is pinned).
 */
export default class ChildCoverageReporter {
  constructor({ rootDir }: { rootDir: string }) {
    const directory = process.env['CLEARWAY_CHILD_COVERAGE'];
    const internals = CoverageReporter.prototype as unknown as Internals;
    const measured = internals._getCoverageResult;
    if (!directory) return;
    internals._getCoverageResult = async function (this: Internals) {
      const result = await measured.call(this);
      const wanted = new Set(result.map.files());
      result.map.merge(await childCoverage(rootDir, directory, (file) => wanted.has(file)));
      return result;
    };
  }
}
