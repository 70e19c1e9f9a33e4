import { describe, expect, test } from '@jest/globals';
import { findStatement } from '../src/archive/sql-statements.ts';
import { writeArchive, type ArchiveForm, type WrittenEntry } from './support/archive-writer.ts';
import { readSteps } from './support/read-archive.ts';

describe('a statement ends where psql would end it', () => {
  test.each([
    ['a semicolon in quotes', `SELECT 'a;b''c;' AS "x;y""z;";`],
    ['an escape in E quotes', `SELECT E'a\\';b';`],
    ['a backslash in plain quotes', `SELECT 'a\\';`],
    ['a dollar quote', 'DO $x$ BEGIN; $y$; END $x$;'],
    ['a dollar quote without a tag', 'DO $$ BEGIN; END $$;'],
    ['a parameter that is no quote', 'PREPARE p AS SELECT $1;'],
    ['a rule of several statements', 'CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2);'],
    ['a line comment', 'SELECT 1 -- not; here\n + 1;'],
    ['a nested block comment', 'SELECT /* a; /* b; */ c; */ 1;'],
    [
      'a body in SQL',
      'CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END;',
    ],
    ['a name that holds begin', 'CREATE FUNCTION begin_it(a int) RETURNS int LANGUAGE sql AS $$SELECT 1;$$;'],
    ['a name with a dollar sign', 'SELECT a$b$ FROM t;'],
  ])('%s', (_what, sql) => {
    expect(findStatement(`\n-- before;\n${sql}\nSELECT 'next';`)).toEqual({ start: 12, end: 12 + sql.length });
    for (let cut = 0; cut < sql.length; cut++) expect(findStatement(sql.slice(0, cut))).toBeUndefined();
  });
});

const SCRIPT = `--
-- PostgreSQL database dump
--

\\restrict abc

-- Dumped from database version 15.18
-- Dumped by pg_dump version 15.18

SET statement_timeout = 0;
CREATE TABLE public.t (a int, b text);

COPY public.t (a, b) FROM stdin;
1\tone\\\\.
2\ttwo\\n\\\\.\\n
\\.

COPY public."odd ""name" FROM stdin;
\\.

SELECT pg_catalog.setval('public.s', 3, true);
CREATE INDEX i ON public.t (a);

--
-- PostgreSQL database dump complete
--

\\unrestrict abc

`;

describe('a script', () => {
  const expected = [
    'SET statement_timeout = 0;',
    'CREATE TABLE public.t (a int, b text);',
    'COPY public.t (a, b) FROM stdin|1\tone\\\\.\n2\ttwo\\n\\\\.\\n\n',
    'COPY public."odd ""name" FROM stdin|',
    "SELECT pg_catalog.setval('public.s', 3, true);",
    'CREATE INDEX i ON public.t (a);',
  ];

  test.each([1, 2, 3, 7, 64, 100_000])('is read alike in pieces of %d bytes', async (size) => {
    expect(await readSteps(Buffer.from(SCRIPT), size)).toEqual(expected);
  });

  test('is refused wherever it is cut off', async () => {
    const end = SCRIPT.indexOf('complete') + 'complete'.length;
    for (let cut = 0; cut < end; cut++)
      await expect(readSteps(Buffer.from(SCRIPT.slice(0, cut)))).rejects.toMatchObject({ reason: 'damaged' });
  });

  test('that only psql can run is refused with what to do', async () => {
    const script = SCRIPT.replace('SET statement_timeout', '\\connect other\nSET statement_timeout');
    await expect(readSteps(Buffer.from(script))).rejects.toMatchObject({ reason: 'unsupported' });
  });
});

const ENTRIES: readonly WrittenEntry[] = [
  { tag: 'ENCODING', type: 'ENCODING', definition: "SET client_encoding = 'UTF8';\n", schema: '' },
  { tag: 'tracks', type: 'DATABASE', definition: 'CREATE DATABASE tracks;', schema: '' },
  {
    tag: 't',
    type: 'TABLE',
    definition: 'CREATE TABLE public.t (a int, b text);\n',
    drop: 'DROP TABLE public.t;\n',
    owner: 'o',
  },
  { tag: 'TABLE t', type: 'ACL', definition: 'GRANT SELECT ON TABLE public.t TO r;\n' },
  {
    tag: 'f(integer)',
    type: 'FUNCTION',
    definition: 'CREATE FUNCTION f;\n',
    drop: 'DROP FUNCTION public.f(a integer);\n',
    owner: 'o',
  },
  { tag: '9..11', type: 'BLOB METADATA', definition: '9\n11\n', drop: 'x', owner: 'o', schema: '' },
  {
    tag: 'LARGE OBJECTS 9..11',
    type: 'ACL',
    definition: 'GRANT ALL ON LARGE OBJECT 9 TO r;\n',
    dependencies: [6],
    schema: '',
  },
  {
    tag: 't',
    type: 'TABLE DATA',
    copy: 'COPY public.t (a, b) FROM stdin;\n',
    data: Buffer.from(`1\tone\n2\t${'x'.repeat(400)}\n\\.\n\n\n`),
  },
  { tag: 'empty', type: 'TABLE DATA', copy: 'COPY public.empty FROM stdin;\n', data: Buffer.from('\\.\n\n\n') },
  {
    tag: 'inserted',
    type: 'TABLE DATA',
    data: Buffer.from("INSERT INTO i VALUES ('a;b');\nINSERT INTO i VALUES (2);\n"),
  },
  {
    tag: 'BLOBS',
    type: 'BLOBS',
    data: [
      { oid: 9, content: Buffer.from('nine') },
      { oid: 11, content: Buffer.alloc(0) },
    ],
  },
  { tag: 'm', type: 'MATERIALIZED VIEW DATA', definition: 'REFRESH MATERIALIZED VIEW public.m;\n' },
  { tag: 'i', type: 'INDEX', definition: 'CREATE INDEX i ON public.t (a);\n' },
];

const FORMS: readonly ArchiveForm[] = [
  { minor: 14, compression: 'gzip' },
  { minor: 14, compression: 'none' },
  { minor: 15, compression: 'zstd' },
  { minor: 16, compression: 'none' },
  { minor: 16, compression: 'gzip' },
  { minor: 16, compression: 'zstd', contentsAgain: true },
];

describe.each(FORMS)('an archive of the form %j', (form) => {
  const archive = writeArchive(ENTRIES, form);

  test('gives what pg_restore would run, rights and materialized views last', async () => {
    const [settings, ...steps] = await readSteps(archive);
    expect(settings).toContain('SET row_security = off;');
    expect(steps).toEqual([
      "SET client_encoding = 'UTF8';\n",
      'CREATE TABLE public.t (a int, b text);\n',
      'ALTER TABLE "public"."t" OWNER TO "o";',
      'CREATE FUNCTION f;\n',
      'ALTER FUNCTION public.f(a integer) OWNER TO "o";',
      "SELECT pg_catalog.lo_create('9');\nSELECT pg_catalog.lo_create('11');",
      'ALTER LARGE OBJECT 9 OWNER TO "o";\nALTER LARGE OBJECT 11 OWNER TO "o";',
      `COPY public.t (a, b) FROM stdin|1\tone\n2\t${'x'.repeat(400)}\n`,
      'COPY public.empty FROM stdin|',
      "INSERT INTO i VALUES ('a;b');",
      'INSERT INTO i VALUES (2);',
      'large object 9|nine',
      'large object 11|',
      'CREATE INDEX i ON public.t (a);\n',
      'GRANT SELECT ON TABLE public.t TO r;\n',
      'GRANT ALL ON LARGE OBJECT 9 TO r;\n\nGRANT ALL ON LARGE OBJECT 11 TO r;\n',
      'REFRESH MATERIALIZED VIEW public.m;\n',
    ]);
    expect(await readSteps(archive, 1)).toEqual([settings, ...steps]);
  });

  test('is refused wherever it is cut off', async () => {
    const whole = writeArchive(ENTRIES, { ...form, contentsAgain: false }).length;
    for (let cut = 0; cut < archive.length; cut += 3)
      if (cut !== whole)
        await expect(readSteps(archive.subarray(0, cut), 5000)).rejects.toMatchObject({ reason: 'damaged' });
  });

  test('is refused when something follows', async () => {
    const longer = Buffer.concat([archive, Buffer.from([0])]);
    await expect(readSteps(longer)).rejects.toMatchObject({ reason: 'damaged' });
  });
});

test('an archive is refused when the table of contents that follows is of another one', async () => {
  const form = { minor: 16, compression: 'none' } as const;
  const own = writeArchive(ENTRIES, form);
  const other = writeArchive(ENTRIES.slice(1), { ...form, contentsAgain: true });
  const again = other.subarray(writeArchive(ENTRIES.slice(1), form).length);
  await expect(readSteps(Buffer.concat([own, again]))).rejects.toMatchObject({ reason: 'damaged' });
});

test('an archive of an unknown version is refused by name', async () => {
  const archive = writeArchive(ENTRIES, { minor: 16, compression: 'none' });
  archive[6] = 99;
  await expect(readSteps(archive)).rejects.toMatchObject({
    reason: 'unsupported',
    message: expect.stringMatching(/1\.99/),
  });
});
