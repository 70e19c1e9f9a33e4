#!/usr/bin/env node
// Stands in for Prisma's native schema engine where it cannot be downloaded: the same line-delimited JSON-RPC on stdin
// and stdout, spoken by Prisma's own WebAssembly build of the engine over @prisma/adapter-pg. A dummy binary will not
// do: `migrate deploy` and `migrate diff` would then do nothing and exit 0.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as wasm from '@prisma/schema-engine-wasm/schema_engine_bg';
import { connectionProblem, createDatabase, EngineAdapterFactory, tryConnection } from './schema-engine-adapter.mjs';

function loadWasm() {
  const directory = dirname(fileURLToPath(import.meta.resolve('@prisma/schema-engine-wasm/schema_engine_bg')));
  const module = new WebAssembly.Module(readFileSync(join(directory, 'schema_engine_bg.wasm')));
  const instance = new WebAssembly.Instance(module, { './schema_engine_bg.js': wasm });
  wasm.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
}

function readArguments(words) {
  const found = { models: [], datasource: {}, version: false, command: undefined };
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    if (word === '-V' || word === '--version') found.version = true;
    else if (word === '-d' || word === '--datamodels') found.models.push(words[++i]);
    else if (word === '--datasource') found.datasource = JSON.parse(words[++i]);
    else if (word === '--enabled-preview-features' || word === '--extension-types') i++;
    else if (word === 'cli') found.command = words[++i];
  }
  return found;
}

/** The CLI reads one JSON line an event on stderr, and passes over the first. */
function logError(message, fields) {
  const line = { timestamp: new Date().toISOString(), level: 'ERROR', fields: { message, ...fields } };
  process.stderr.write(`\n${JSON.stringify({ ...line, target: 'schema_engine::logger' })}\n`);
}

async function runCommand(command, url) {
  try {
    if (command === 'can-connect-to-database') await tryConnection(url);
    else if (command === 'create-database') await createDatabase(url);
    else throw new Error(`unknown subcommand ${command}`);
    return 0;
  } catch (error) {
    const { code, message } = connectionProblem(error, url);
    logError(message, { error_code: code, is_panic: false });
    return 1;
  }
}

const debug = (text) => {
  if (process.env.SCHEMA_ENGINE_DEBUG) process.stderr.write(`${text}\n`);
};

function serve({ models, datasource }) {
  let started;
  const engine = () => (started ??= startEngine(models, datasource));
  const own = {
    createDatabase: async () => ({ databaseName: await createDatabase(datasource.url) }),
    ensureConnectionValidity: async () => (await tryConnection(datasource.url), {}),
    getDatabaseVersion: async (params) => (await engine()).version(params ?? undefined),
  };
  const call = async (method, params) => (own[method] ? own[method](params) : (await engine())[method](params));
  const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
  let queue = Promise.resolve();
  lines.on('line', (line) => {
    if (line.trim()) queue = queue.then(() => answer(line, call));
  });
  lines.on('close', () => void queue.then(() => process.exit(0)));
}

function startEngine(models, datasource) {
  const factory = bindMigrationAwareSqlAdapterFactory(new EngineAdapterFactory(datasource));
  const datamodels = models.length > 0 ? models.map((file) => [file, readFileSync(file, 'utf8')]) : undefined;
  return wasm.SchemaEngine.new({ datamodels }, debug, factory);
}

const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);

async function answer(line, call) {
  const { id, method, params } = JSON.parse(line);
  if (!method) return; // the CLI's answer to a 'print' request
  try {
    let result = await call(method, params);
    if (method === 'diff' && typeof result?.stdout === 'string') {
      send({ id: 1e9 + id, method: 'print', params: { content: result.stdout.replace(/\n$/, '') } });
      result = { ...result, stdout: null };
    }
    send({ id, result: result ?? {} });
  } catch (error) {
    debug(error?.stack);
    send({ id, error: rpcError(error) });
  }
}

function rpcError(error) {
  const data = {
    is_panic: error instanceof WebAssembly.RuntimeError,
    message: String(error?.message ?? error),
    error_code: error?.code,
    meta: error?.meta ?? null,
  };
  return { code: 4466, message: 'An error happened. Check the data field for details.', data };
}

const given = readArguments(process.argv.slice(2));
if (given.command) process.exit(await runCommand(given.command, given.datasource.url));
loadWasm();
if (given.version) console.log(`schema-engine-wasm ${wasm.version?.() ?? ''}`);
else serve(given);
