import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { ConfigurationError, loadConfiguration, renderProblems, type ConfigurationProblem } from '../src/index.ts';

const id = z.string().regex(/^[a-z]+$/, 'must be lower-case letters');
const sections = {
  server: z.strictObject({ port: z.int().min(1).max(65_535).default(8000), name: z.string().optional() }).prefault({}),
  upstreams: z
    .record(id, z.strictObject({ url: z.url().describe('Where it runs.'), token: z.string().min(8).optional() }))
    .default({}),
  routes: z
    .array(
      z.strictObject({
        id,
        balance: z.enum(['round-robin', 'weighted']).default('weighted'),
        retry: z.boolean().optional(),
        ratio: z.number().gt(0).lt(1).optional(),
        to: z.union([z.string(), z.strictObject({ status: z.int(), body: z.string() })]).optional(),
        tags: z.array(z.string()).min(1).max(2).optional(),
      }),
    )
    .default([]),
};
const rules = [
  (configuration: { routes: readonly { id: string }[] }) =>
    configuration.routes.flatMap((route, i) =>
      route.id === 'forbidden' ? [{ path: ['routes', i, 'id'], message: 'not this one', remedy: 'take another' }] : [],
    ),
];

type Files = Readonly<Record<string, string>>;

function load(files: Files | string, more: { variables?: Record<string, string>; ownSections?: string[] } = {}) {
  const known: Files = typeof files === 'string' ? { 'clearway.yaml': files } : files;
  const readFile = (name: string) => {
    const text = known[name];
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return { name, text };
  };
  return loadConfiguration({ sections, rules }, { file: 'clearway.yaml', readFile, variables: {}, ...more });
}

function problems(...parameters: Parameters<typeof load>): readonly ConfigurationProblem[] {
  try {
    load(...parameters);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

/** The problems in short: `line:column path: message`. */
const told = (...parameters: Parameters<typeof load>) =>
  problems(...parameters).map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`);

describe('a configuration that is right', () => {
  test('is returned with its defaults, frozen through and through', () => {
    const { configuration, files, warnings } = load('version: 1\nroutes: [{ id: a }]\n');
    expect(configuration).toMatchObject({ server: { port: 8000 }, routes: [{ id: 'a', balance: 'weighted' }] });
    expect(Object.isFrozen(configuration.routes[0])).toBe(true);
    expect([files, warnings]).toEqual([['clearway.yaml'], []]);
  });

  test('may use anchors, aliases and names that objects have anyway', () => {
    const text = 'version: 1\nupstreams:\n  constructor: &u { url: "http://a.test" }\n  b: *u\n';
    expect(load(text).configuration.upstreams['b']).toEqual({ url: 'http://a.test' });
  });
});

describe('problems', () => {
  test('are told all at once, each with its place, in the order of the file', () => {
    const text = `version: 1
routes:
  - id: A
    balence: weighted
  - { balance: wieghted, retry: "yes", ratio: 1 }
upstreams:
  Bad: { url: http://a.test }
  a: { url: nowhere }
server:
  port: 80.5
`;
    expect(told(text)).toEqual([
      '3:9 routes[0].id: must be lower-case letters',
      "4:5 routes[0].balence: unknown key 'balence'",
      '5:5 routes[1].id: is missing',
      "5:16 routes[1].balance: must be one of 'round-robin', 'weighted'",
      '5:33 routes[1].retry: must be true or false, not text',
      '5:47 routes[1].ratio: must be less than 1',
      '7:3 upstreams.Bad: cannot be a name here: must be lower-case letters',
      '8:13 upstreams.a.url: is no usable URL',
      '10:9 server.port: must be a whole number, not a fraction',
    ]);
  });

  test.each([
    ['routes: [{ id: a, balence: weighted }]', "did you mean 'balance'?"],
    ['server: { zzzzzz: 1 }', 'remove it; known here: port, name'],
    ['routes: [{ id: a, balance: wieghted }]', "did you mean 'weighted'?"],
    ['routes: [{ id: a, balance: zzzzzz }]', "use one of 'round-robin', 'weighted'"],
    ['upstreams: { a: {} }', "add 'url' (Where it runs)"],
    ['routes: [{}]', "add 'id': give it text"],
    ['routes: { id: a }', 'give it a list'],
    ['routes: [{ id: a, tags: one }]', 'write it as a list: [one]'],
    ['routes: [{ id: a, tags: [] }]', 'let it have at least 1 entry'],
    ['routes: [{ id: a, tags: [a, b, c] }]', 'let it have at most 2 entries'],
    ['server: { name: 7 }', "put it into quotes: '7'"],
    ['server: { port: "80" }', 'write it without quotes: 80'],
    ['server: { port: 10s }', 'write digits only, without a unit'],
    ['server: { port: 0 }', 'let it be at least 1'],
    ['server: { port: 70000 }', 'let it be at most 65535'],
    ['server: { port: null }', 'give it a number, or remove the key'],
    ['server: 5', 'give it keys of its own: port, name'],
    ['upstreams: 5', 'give it a section with names of your own'],
    ['routes: [{ id: a, retry: "yes" }]', 'write true or false, without quotes'],
    ['routes: [{ id: a, ratio: 0 }]', 'let it be more than 0'],
    ['upstreams: { a: { url: x } }', 'write it with its scheme, such as https://host/path'],
    ['upstreams: { a: { url: "http://a.test", token: short } }', 'let it have at least 8 characters'],
  ])('with %s say how to mend it: %s', (text, remedy) => {
    expect(problems(`version: 1\n${text}\n`).map((problem) => problem.remedy)).toEqual([remedy]);
  });

  test('of another version of the format are not taken for something else', () => {
    expect(problems('version: "1"\n')).toMatchObject([{ message: 'must be 1', remedy: 'write it without quotes: 1' }]);
    expect(problems('version: 2\n')).toMatchObject([{ message: 'must be 1', remedy: 'write 1' }]);
    expect(told('routes: []\n')).toEqual(['1:1 version: is missing']);
  });

  test('of a union are those of the branch that was meant', () => {
    expect(told('version: 1\nroutes: [{ id: a, to: { status: ok, body: x } }]\n')).toEqual([
      '2:33 routes[0].to.status: must be a number, not text',
    ]);
    expect(told('version: 1\nroutes: [{ id: a, to: 5 }]\n')).toEqual(['2:23 routes[0].to: Invalid input']);
  });

  test('behind an alias are shown where the value is written', () => {
    expect(told('version: 1\nupstreams:\n  a: &u { url: x }\n  b: *u\n')).toEqual([
      '3:16 upstreams.a.url: is no usable URL',
      '3:16 upstreams.b.url: is no usable URL',
    ]);
  });

  test('that rules find have the place of what they name, also in an included file', () => {
    const files = {
      'clearway.yaml': 'version: 1\ninclude: more.yaml\nroutes: [{ id: a }]\n',
      'more.yaml': 'routes:\n  - id: b\n  - id: forbidden\n',
    };
    expect(problems(files)).toEqual([
      {
        file: 'more.yaml',
        line: 3,
        column: 9,
        path: 'routes[1].id',
        value: 'forbidden',
        message: 'not this one',
        remedy: 'take another',
      },
    ]);
  });

  test('are rendered as paragraphs: where, what was found, and how to mend it', () => {
    expect(renderProblems(problems('version: 1\nroutes: [{ id: A }]\n'))).toBe(
      'The configuration has 1 problem:\n\n' +
        'clearway.yaml:2:16 routes[0].id: must be lower-case letters\n' +
        '  found:  A\n' +
        '  mend:   it has to match /^[a-z]+$/',
    );
  });
});

describe('secrets', () => {
  const shown = (text: string, variables: Record<string, string> = {}) =>
    JSON.stringify(problems(`version: 1\n${text}\n`, { variables }));

  test.each([
    ['by the name of their key', 'upstreams: { a: { url: "http://a.test", token: hunter2 } }'],
    ['within a value of the wrong kind', 'routes: { token: hunter2 }'],
    ['as credentials of a URL', 'routes: [{ id: a, balance: "https://me:hunter2@a.test" }]'],
    ['in the query of a URL', 'routes: [{ id: a, balance: "https://a.test/?api_key=hunter2" }]'],
  ])('are hidden %s', (_name, text) => {
    expect(shown(text)).not.toContain('hunter2');
  });

  test('that come from the environment are shown by the name of their variable', () => {
    const text = shown('upstreams: { a: { url: env:TRACKS_URL } }', { TRACKS_URL: 'hunter2' });
    expect(text).not.toContain('hunter2');
    expect(text).toContain('env:TRACKS_URL');
  });

  test.each(['tags', 'balance', 'retry'])(
    'that come from the environment are not repeated by the remedy of %s',
    (key) => {
      const text = shown(`routes: [{ id: a, ${key}: env:SECRET }]`, { SECRET: 'hunter2' });
      expect(text).not.toContain('hunter2');
      expect(text).toContain('env:SECRET');
    },
  );

  test('are hidden, but the variable that holds one is named', () => {
    const text = shown('upstreams: { a: { url: "http://a.test", token: env:TRACKS_TOKEN } }', {
      TRACKS_TOKEN: 'short',
    });
    expect(text).toContain('env:TRACKS_TOKEN');
  });

  test('that somebody writes into a long line are cut, and no line is broken', () => {
    const [problem] = problems(`version: 1\nroutes: [{ id: "A\\n${'x'.repeat(200)}" }]\n`);
    expect(problem?.value).toMatch(/^A x{78}…$/);
  });
});

describe('values env:NAME', () => {
  const text = 'version: 1\nupstreams:\n  a: { url: env:TRACKS_URL }\n';

  test('stand for the variable', () => {
    const { configuration } = load(text, { variables: { TRACKS_URL: 'http://a.test' } });
    expect(configuration.upstreams['a']?.url).toBe('http://a.test');
  });

  test.each([{}, { TRACKS_URL: '' }])('are one problem, not two, with %j', (variables) => {
    expect(told(text, { variables })).toEqual(['3:13 upstreams.a.url: the variable TRACKS_URL is not set']);
  });

  test('that are missing do not hide what else is wrong', () => {
    expect(told(`${text}server: { port: 0 }\n`)).toEqual([
      '3:13 upstreams.a.url: the variable TRACKS_URL is not set',
      '4:17 server.port: must be at least 1',
    ]);
  });
});

describe('includes', () => {
  test('add to lists and maps, and are all named for watching', () => {
    const { configuration, files } = load({
      'clearway.yaml': 'version: 1\ninclude: [a.yaml, b.yaml]\nroutes: [{ id: main }]\n',
      'a.yaml': 'version: 1\nroutes: [{ id: a }]\nupstreams: { a: { url: "http://a.test" } }\n',
      'b.yaml': 'upstreams: { b: { url: "http://b.test" } }\n',
    });
    expect(configuration.routes.map((route) => route.id).sort()).toEqual(['a', 'main']);
    expect(Object.keys(configuration.upstreams)).toEqual(['a', 'b']);
    expect(files).toEqual(['clearway.yaml', 'a.yaml', 'b.yaml']);
  });

  test('refuse what is defined twice, with both places', () => {
    const files = {
      'clearway.yaml': 'version: 1\ninclude: a.yaml\nupstreams:\n  a: { url: "http://x.test" }\n',
      'a.yaml': 'upstreams:\n  a: { url: "http://y.test" }\n',
    };
    expect(problems(files)).toMatchObject([
      { file: 'clearway.yaml', line: 4, column: 3, path: 'upstreams.a', message: 'is already defined in a.yaml:2' },
    ]);
  });

  test('refuse to join a list with a map', () => {
    const files = { 'clearway.yaml': 'version: 1\ninclude: a.yaml\nroutes: []\n', 'a.yaml': 'routes: { id: a }\n' };
    expect(problems(files)[0]).toMatchObject({ path: 'routes', message: 'is already defined in a.yaml:1' });
  });

  test('that do not exist are told beside the other problems', () => {
    expect(told('version: 1\ninclude: [nowhere.yaml]\nserver: { port: 0 }\n')).toEqual([
      '2:11 include: nowhere.yaml does not exist',
      '3:17 server.port: must be at least 1',
    ]);
  });

  test('that include each other end', () => {
    const files = {
      'clearway.yaml': 'version: 1\ninclude: a.yaml\n',
      'a.yaml': 'include: clearway.yaml\nroutes: [{ id: a }]\n',
    };
    expect(load(files).configuration.routes).toHaveLength(1);
  });

  test('are bounded', () => {
    const chain = Array.from({ length: 120 }, (_, i) => [`${i}.yaml`, `include: ${i + 1}.yaml\n`]);
    const files = { ...Object.fromEntries(chain), 'clearway.yaml': 'version: 1\ninclude: 0.yaml\n' } as Files;
    expect(problems(files)).toMatchObject([{ message: 'more than 100 files' }]);
  });

  test('must be names', () => {
    expect(told('version: 1\ninclude: [5]\n')).toEqual(['2:11 include: expected the name of a file']);
  });
});

describe('a file that cannot be read', () => {
  test.each([
    ['version: 1\nroutes: []\nroutes: []\n', '3:1 (file): is not right YAML: this key stands twice here'],
    ['version: 1\n\troutes: []\n', '2:1 (file): is not right YAML: a tab indents this line'],
    [
      'version: 1\nroutes: {{\n',
      '3:1 (file): is not right YAML: flow map in block collection must be sufficiently indented and end with a }',
    ],
    ['version: 1\n---\nversion: 1\n', '2:1 (file): is not right YAML: a second document begins here'],
    ['- a\n', '1:1 (file): expected sections, such as version, upstreams and routes'],
    ['', '1:1 (file): is empty'],
  ])('%j is told as it is, and nothing that only follows from it', (text, message) => {
    expect(told(text)).toContain(message);
    expect(told(text).every((line) => line.includes('(file)'))).toBe(true);
  });

  test('because it does not exist is named', () => {
    expect(problems({})).toMatchObject([{ file: 'clearway.yaml', message: 'does not exist' }]);
  });

  test('because its aliases would fill the memory is refused', () => {
    const bomb = [
      'version: 1',
      'a: &a [x,x,x,x,x,x,x,x,x,x]',
      'b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]',
      'c: [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]',
    ];
    expect(problems(`${bomb.join('\n')}\n`)).toMatchObject([{ remedy: 'use at most 100 aliases' }]);
  });
});

describe('a process that owns some sections', () => {
  const text = 'version: 1\nserver: { port: 0 }\nroutes: [{ id: a }]\n';

  test('refuses faults in its own', () => {
    expect(told(text, { ownSections: ['server'] })).toEqual(['2:17 server.port: must be at least 1']);
  });

  test('is warned of faults in others, and goes on without those', () => {
    const { configuration, warnings } = load(text, { ownSections: ['routes'] });
    expect(warnings.map(({ path }) => path)).toEqual(['server.port']);
    expect(configuration).toMatchObject({ server: { port: 8000 }, routes: [{ id: 'a' }] });
  });

  test('refuses sections that nobody knows', () => {
    expect(told('version: 1\nrouts: []\n', { ownSections: ['server'] })).toEqual(["2:1 routs: unknown key 'routs'"]);
  });
});
