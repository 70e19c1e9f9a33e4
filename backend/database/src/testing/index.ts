export { withTestDatabase, type TestDatabase, type TestDatabaseOptions } from './with-test-database.ts';
export { startTestServer, type TestServer, type TestServerOptions } from './test-server.ts';
