import { z } from 'zod';
import type { OperationsToken } from '../operations-access.ts';

const MIN_TOKEN_CHARACTERS = 16;

/**
 * Tokens of the operations listeners, read from text: `viewer:TOKEN,operator:TOKEN`, each at least 16 characters.
 *
 * @example
 * operationsTokens().parse('viewer:0123456789abcdef') // [{ role: 'viewer', token: '0123456789abcdef' }]
 */
export const operationsTokens = () =>
  z.string().transform((text, context): OperationsToken[] =>
    text.split(',').map((entry) => {
      const [, role, token = ''] = /^\s*(viewer|operator):(\S+)\s*$/.exec(entry) ?? [];
      if (role === undefined || token.length < MIN_TOKEN_CHARACTERS) {
        const remedy = `write it as viewer:TOKEN,operator:TOKEN, each token at least ${MIN_TOKEN_CHARACTERS} characters`;
        context.addIssue({ code: 'custom', message: 'not a list of roles and tokens', params: { remedy } });
      }
      return { role: role as OperationsToken['role'], token };
    }),
  );
