export { withTestDatabase, type TestDatabase, type TestDatabaseOptions } from './with-test-database.ts';
export { startTestServer, type TestServer } from './test-server.ts';
