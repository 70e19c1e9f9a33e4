/** A small database with one of each thing that a damaged dump can lack. */
export const sourceOfDamage = (role: string): string => `
CREATE ROLE ${role}_reader;
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, tenant int NOT NULL);
CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL, total numeric(10, 2));
CREATE TABLE empty_one (id int PRIMARY KEY);
INSERT INTO customers SELECT g, 'customer ' || g, g % 10 FROM generate_series(1, 1000) AS g;
INSERT INTO orders SELECT g, 1 + g % 1000, g / 4.0 FROM generate_series(1, 2000) AS g;
ALTER TABLE orders ADD CONSTRAINT orders_customer_fkey FOREIGN KEY (customer) REFERENCES customers;
ALTER TABLE orders ADD CONSTRAINT orders_total_check CHECK (total >= 0);
CREATE INDEX customers_name ON customers (name);
CREATE FUNCTION check_order() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER checked BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION check_order();
CREATE SEQUENCE numbers;
SELECT setval('numbers', 4711);
CREATE VIEW large_orders AS SELECT * FROM orders WHERE total > 100;
GRANT SELECT ON customers TO ${role}_reader;
SELECT lo_from_bytea(81001, '\\x48656c6c6f');
`;

/** Another database that looks just like it: the same tables with as many rows. */
export const twinOfDamage = (role: string): string =>
  sourceOfDamage(role)
    .replace(/CREATE ROLE [^;]*;/, '')
    .replace("'customer ' || g", "'client ' || g");
