// Run as a process of its own: starts a test server and goes on until it is killed.
import { dirname } from 'node:path';
import { startTestServer } from '../../src/testing/index.ts';
import { query } from './temporary.ts';

const server = await startTestServer();
const url = server.url('postgres');
const [row] = await query<{ data_directory: string }>(url, 'SHOW data_directory');
console.log(JSON.stringify({ url, directory: dirname(dirname(row?.data_directory ?? '')) }));
setInterval(() => {}, 60_000);
