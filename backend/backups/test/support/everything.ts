/**
 * A schema with one of everything that a dump has to bring back, and rows whose text is easily lost: backslashes, the end
 * marker of COPY, NaN, scales of numerics, large objects; names and texts that look like lines of a dump.
 *
 * @param role prefix of the roles, which belong to the whole server
 */
export const everything = (role: string): string => `
CREATE EXTENSION pgcrypto;
CREATE EXTENSION hstore;
CREATE ROLE ${role}_user LOGIN;
CREATE ROLE ${role}_group;
GRANT ${role}_group TO ${role}_user;
CREATE SCHEMA shop;
CREATE TYPE shop.mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN shop.positive AS int CHECK (VALUE > 0);
CREATE TYPE shop.pair AS (a int, b text);
CREATE TYPE shop.float_range AS RANGE (subtype = float8);
CREATE TABLE shop.items (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, mood shop.mood, n shop.positive, p shop.pair,
  price numeric(10, 3), f4 real, f8 double precision, j json, jb jsonb, b bytea, tz timestamptz, i interval, list text[],
  u uuid DEFAULT gen_random_uuid(), net inet, bits bit(5), m money, x xml, at_point point, words tsvector,
  h public.hstore, c char(7), letter "char", r shop.float_range, twice int GENERATED ALWAYS AS (n * 2) STORED,
  "odd ""name" text, class regclass);
INSERT INTO shop.items (name, mood, n, p, price, f4, f8, j, jb, b, tz, i, list, net, bits, m, x, at_point, words, h, c, letter, r,
  "odd ""name", class)
SELECT 'n' || g || E'\\t\\\\.\\n\\\\\\\\', (ARRAY['sad', 'ok', 'happy'])[1 + g % 3]::shop.mood, g, ROW(g, 'x' || g)::shop.pair, g / 7.0,
  g / 3.0, CASE g % 50 WHEN 0 THEN 'NaN' WHEN 1 THEN '-0' WHEN 2 THEN 'Infinity' ELSE g / 3.0 END, '{"a": 1.0, "a": 2}',
  '{"k": 1.00}', decode(md5(g::text), 'hex'), timestamptz '2026-01-01' - g * interval '1 hour', g * interval '1 day 3 sec',
  ARRAY['a', NULL, '{"'], '10.0.0.1', B'10101', g::money, '<a>1</a>', point(g, 1), to_tsvector('simple', 'foo bar' || g),
  hstore('k', g::text), 'ab', 'q', '[1.5,2.5)', CASE WHEN g % 2 = 0 THEN NULL ELSE '' END, 'shop.items'::regclass
FROM generate_series(1, 300) AS g;
CREATE TABLE "line
\\! exit 1" (a int);
INSERT INTO "line
\\! exit 1" VALUES (1);
COMMENT ON SCHEMA shop IS '
SET transaction_timeout = 0;
-- PostgreSQL database dump complete
';
CREATE TABLE parts (k int, v text) PARTITION BY RANGE (k);
CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE parts_rest PARTITION OF parts DEFAULT;
INSERT INTO parts SELECT g, 'v' || g FROM generate_series(0, 300) AS g;
CREATE INDEX ON parts (k);
CREATE TABLE parent (a int);
CREATE TABLE child (b int) INHERITS (parent);
INSERT INTO parent VALUES (1), (1), (2);
INSERT INTO child VALUES (3, 4);
CREATE UNLOGGED TABLE unlogged (a int);
INSERT INTO unlogged VALUES (5);
CREATE TABLE without_columns ();
INSERT INTO without_columns DEFAULT VALUES;
CREATE TABLE authors (id int PRIMARY KEY, name text);
CREATE TABLE books (id int PRIMARY KEY, author int REFERENCES authors, title text);
INSERT INTO authors SELECT g, 'author ' || g FROM generate_series(1, 20) AS g;
INSERT INTO books SELECT g, 1 + g % 20, 'book ' || g FROM generate_series(1, 200) AS g;
CREATE INDEX books_title ON books (title);
CREATE VIEW happy AS SELECT * FROM shop.items WHERE mood = 'happy';
CREATE MATERIALIZED VIEW item_count AS SELECT count(*) FROM shop.items;
CREATE SEQUENCE downwards INCREMENT -2;
SELECT nextval('downwards'), nextval('downwards');
CREATE SEQUENCE untouched START 7;
CREATE FUNCTION plain(a int, b text DEFAULT 'x;y') RETURNS int LANGUAGE plpgsql AS $fn$ BEGIN RETURN a; END; $fn$;
CREATE FUNCTION atomic(a int) RETURNS int BEGIN ATOMIC SELECT CASE WHEN a > 1 THEN 1 ELSE 2 END; SELECT a + 1; END;
CREATE PROCEDURE nothing() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE total(int) (sfunc = int4pl, stype = int, initcond = '0');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER touched BEFORE INSERT ON shop.items FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TABLE secrets (owner text, v int);
INSERT INTO secrets VALUES ('a', 1), ('b', 2);
ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON secrets USING (owner = current_user);
ALTER TABLE secrets OWNER TO ${role}_user;
GRANT SELECT, INSERT ON shop.items TO ${role}_group;
GRANT UPDATE (title) ON books TO ${role}_group;
COMMENT ON TABLE parts IS 'it''s; a comment';
SELECT lo_from_bytea(0, '\\x0102030405');
SELECT lo_from_bytea(70001, decode(repeat('ab', 1100000), 'hex'));
SELECT lo_create(70002);
ALTER LARGE OBJECT 70001 OWNER TO ${role}_user;
GRANT SELECT ON LARGE OBJECT 70001 TO ${role}_group;
CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE EVENT TRIGGER ddl ON ddl_command_end EXECUTE FUNCTION on_ddl();
`;

/** Removes the roles; the databases that use them must be gone. */
export const withoutRoles = (role: string): string => `DROP ROLE IF EXISTS ${role}_user, ${role}_group;`;
