import { z } from 'zod';
import type { ReportToken } from '../operations/access.ts';

const MIN_TOKEN_CHARACTERS = 16;

/**
 * Tokens that can do nothing but report runs of one job: `nightly-import:TOKEN,mail-digest:TOKEN`.
 *
 * @example
 * reportTokens().parse('nightly-import:0123456789abcdef') // [{ jobId: 'nightly-import', token: '0123456789abcdef' }]
 */
export const reportTokens = () =>
  z.string().transform((text, context): ReportToken[] =>
    text.split(',').map((entry) => {
      const [, jobId = '', token = ''] = /^\s*([a-z0-9][a-z0-9._-]{0,99}):(\S+)\s*$/.exec(entry) ?? [];
      if (jobId === '' || token.length < MIN_TOKEN_CHARACTERS) {
        const remedy = `write it as JOB:TOKEN,JOB:TOKEN, each token at least ${MIN_TOKEN_CHARACTERS} characters`;
        context.addIssue({ code: 'custom', message: 'not a list of jobs and tokens', params: { remedy } });
      }
      return { jobId, token };
    }),
  );
