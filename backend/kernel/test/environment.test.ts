import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import {
  ConfigurationError,
  describeEnvironment,
  flag,
  integer,
  list,
  operationsTokens,
  port,
  ratio,
  readEnvironment,
  renderEnvironmentExample,
  unknownVariables,
  url,
  variable,
  type EnvironmentShape,
} from '../src/index.ts';

const shape = {
  GATEWAY_PORT: variable(port().default(8000), 'Public port.', { section: 'Gateway' }),
  WORKERS: variable(integer(1, 64).optional(), 'How many.', { section: 'Gateway', example: '4' }),
  SAMPLE_RATIO: variable(ratio().default(0.1), 'Share.', { section: 'Tracing' }),
  OTEL_ENABLED: variable(flag().default(true), 'Whether.', { section: 'Tracing' }),
  LOG_LEVEL: variable(z.enum(['info', 'debug']).default('info'), 'Least level.', { section: 'Logs' }),
  ORIGINS: variable(list().default([]), 'Who.', { section: 'Gateway' }),
  DATABASE_URL: variable(url('postgresql', 'postgres'), 'The database.', {
    section: 'Services',
    secret: true,
    example: 'postgresql://user:password@host/db',
  }),
};
const RIGHT = { DATABASE_URL: 'postgresql://me:hunter2@db.test/clearway' };

const read = (variables: Record<string, string>, text?: string) =>
  readEnvironment(shape, { variables, file: text === undefined ? undefined : { name: '.env', text } });

function problems(...parameters: Parameters<typeof read>) {
  try {
    read(...parameters);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

describe('variables that are right', () => {
  test('are read as what they are, with defaults for those that are not set', () => {
    const set = {
      ...RIGHT,
      GATEWAY_PORT: '0',
      WORKERS: '4',
      SAMPLE_RATIO: '.25',
      OTEL_ENABLED: '0',
      ORIGINS: ' a, ,b ',
    };
    expect(read(set)).toEqual({
      ...RIGHT,
      GATEWAY_PORT: 0,
      WORKERS: 4,
      SAMPLE_RATIO: 0.25,
      OTEL_ENABLED: false,
      LOG_LEVEL: 'info',
      ORIGINS: ['a', 'b'],
    });
    expect(read(RIGHT)).toMatchObject({ GATEWAY_PORT: 8000, OTEL_ENABLED: true, ORIGINS: [] });
  });

  test('cannot be changed afterwards, nor can what they hold', () => {
    const env = read({ ...RIGHT, ORIGINS: 'a' });
    expect(Object.isFrozen(env)).toBe(true);
    expect(Object.isFrozen(env.ORIGINS)).toBe(true);
  });

  test('count as unset when they are empty or blank', () => {
    expect(read({ ...RIGHT, GATEWAY_PORT: '', LOG_LEVEL: '  ' })).toMatchObject({
      GATEWAY_PORT: 8000,
      LOG_LEVEL: 'info',
    });
  });

  test('of the process win over those of the file, unless they are empty', () => {
    const file = 'GATEWAY_PORT=1000\nWORKERS=2\n';
    expect(read({ ...RIGHT, GATEWAY_PORT: '2000', WORKERS: '' }, file)).toMatchObject({
      GATEWAY_PORT: 2000,
      WORKERS: 2,
    });
  });

  test('may be there without being ours', () => {
    expect(read({ ...RIGHT, HOME: '/root' })).not.toHaveProperty('HOME');
  });
});

describe('variables that are wrong', () => {
  test('are told all at once, with what to do', () => {
    const wrong = { GATEWAY_PORT: '80k', WORKERS: '65', SAMPLE_RATIO: '10', OTEL_ENABLED: 'yes', LOG_LEVEL: 'inof' };
    expect(problems(wrong).map(({ path, message, remedy }) => `${path}: ${message} → ${remedy}`)).toEqual([
      'GATEWAY_PORT: must be a whole number from 0 to 65535 → write digits only, without a unit',
      'WORKERS: must be a whole number from 1 to 64 → use at most 64',
      'SAMPLE_RATIO: must be a number from 0 to 1 → use at most 1',
      "OTEL_ENABLED: must be one of '0', '1', 'true', 'false' → use one of '0', '1', 'true', 'false'",
      "LOG_LEVEL: must be one of 'info', 'debug' → did you mean 'info'?",
      'DATABASE_URL: is missing → set DATABASE_URL, for example DATABASE_URL=postgresql://user:password@host/db',
    ]);
  });

  test('are found in the file by line and column, the last one counting', () => {
    const text = '# ports\nGATEWAY_PORT=1\n\nexport GATEWAY_PORT=x\n';
    expect(problems(RIGHT, text)).toMatchObject([{ file: '.env', line: 4, column: 21, value: 'x' }]);
  });

  test('are of the environment when the process overrides the file', () => {
    expect(problems({ ...RIGHT, GATEWAY_PORT: 'y' }, 'GATEWAY_PORT=x\n')).toMatchObject([
      { file: 'environment', value: 'y' },
    ]);
  });

  test('show no secret, whatever they are called', () => {
    const [problem] = problems({ DATABASE_URL: 'mysql://me:hunter2@db.test' });
    expect(problem).toMatchObject({ value: '(hidden)', remedy: 'write it as postgresql://… or postgres://…' });
  });

  test.each(['9', '-5'])('are refused beyond their range: %s', (text) => {
    const tiny = { N: variable(integer(-1, 8), 'N.', { section: 'A' }) };
    expect(() => readEnvironment(tiny, { variables: { N: text } })).toThrow('must be a whole number from -1 to 8');
  });
});

describe('tokens of the operations listeners', () => {
  const parse = (text: string) => operationsTokens().safeParse(text);

  test('have a role each', () => {
    expect(parse('viewer:0123456789abcdef, operator:fedcba9876543210').data).toEqual([
      { role: 'viewer', token: '0123456789abcdef' },
      { role: 'operator', token: 'fedcba9876543210' },
    ]);
  });

  test.each(['0123456789abcdef', 'viewer:short', 'admin:0123456789abcdef', 'viewer:0123456789abcdef,'])(
    'cannot be %j',
    (text) => {
      expect(parse(text).success).toBe(false);
    },
  );
});

describe('variables that look like ours', () => {
  test('are named, with what was probably meant', () => {
    const variables = { CLEARWAY_CONFG: 'x', CLEARWAY_XYZZY: 'x', CLEARWAY_CONFIG: 'x', HOME: 'x' };
    expect(unknownVariables(['CLEARWAY_CONFIG'], variables, ['CLEARWAY_'])).toEqual([
      { name: 'CLEARWAY_CONFG', meant: 'CLEARWAY_CONFIG' },
      { name: 'CLEARWAY_XYZZY' },
    ]);
  });
});

describe('the reference of variables', () => {
  test('says of each its section, meaning, default, and whether it is required or secret', () => {
    const described = describeEnvironment(shape);
    expect(described.find(({ name }) => name === 'GATEWAY_PORT')).toEqual({
      name: 'GATEWAY_PORT',
      section: 'Gateway',
      description: 'Public port.',
      default: '8000',
      required: false,
      secret: false,
    });
    expect(described.find(({ name }) => name === 'DATABASE_URL')).toMatchObject({ required: true, secret: true });
    expect(described.find(({ name }) => name === 'WORKERS')).not.toHaveProperty('default');
  });

  test('refuses a variable that was not described', () => {
    expect(() => describeEnvironment({ MUTE: z.string() })).toThrow('variable MUTE has no description');
  });

  test('as .env.example has every variable once, commented out, by section', () => {
    const other: EnvironmentShape = {
      GATEWAY_PORT: shape.GATEWAY_PORT,
      HOSTS: variable(list().default(['a', 'b']), 'Hosts.', { section: 'Gateway' }),
      LIMITS: variable(
        z
          .string()
          .transform(() => ({ a: 1 }))
          .default({ a: 1 }),
        'Limits.',
        { section: 'Gateway' },
      ),
    };
    const text = renderEnvironmentExample([shape, other]);
    expect(text.match(/^#GATEWAY_PORT=8000$/gm)).toHaveLength(1);
    expect(text).toContain('# ── Gateway ──\n\n# Public port.\n#GATEWAY_PORT=8000\n\n# How many.\n#WORKERS=4\n');
    expect(text).toContain('# The database. (required, secret)\n#DATABASE_URL=postgresql://user:password@host/db\n');
    expect(text).toContain('#HOSTS=a,b\n');
    expect(text).toContain('#LIMITS={"a":1}\n');
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines).toEqual([]);
  });
});
