import { backupEnvironment } from '@clearway/backups/environment';
import { variable } from '@clearway/kernel';
import { z } from 'zod';

const section = 'Command line';

/** Every variable that only the command line reads; the others are those of the processes that it looks at. */
export const cliEnvironment = {
  ...backupEnvironment,
  OPERATIONS_TOKEN: variable(
    z.string().optional(),
    'One of OPERATIONS_TOKENS: what clearway explain shows to the worker.',
    {
      section,
      secret: true,
    },
  ),
  NO_COLOR: variable(z.string().optional(), 'When it is set, the command line writes without colours.', {
    section,
    example: '1',
  }),
};
