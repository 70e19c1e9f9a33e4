import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type ClientRequest } from 'node:http';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { openUploadStore } from '../src/tracks/upload-store.ts';
import { MAX_UPLOAD_BYTES, startService, type TestService } from './support/service.ts';

let service: TestService;
let api: ReturnType<typeof request>;
let path: string;
const song = randomBytes(300_000);
const sha256 = createHash('sha256').update(song).digest('hex');

beforeAll(async () => {
  service = await startService();
  api = request(service.server);
});
afterAll(() => service?.close());
beforeEach(async () => {
  const { body } = await api.post('/v1/tracks').send({ title: 'Nagle', artist: 'Idle Connections' }).expect(201);
  path = `/v1/tracks/${body.id}/file`;
  for (const name of stored()) rmSync(join(service.uploads.directory, name));
});

const stored = (): string[] => readdirSync(service.uploads.directory).filter((name) => name !== 'incoming');
const incoming = (): string[] => readdirSync(join(service.uploads.directory, 'incoming'));
const upload = (body: Buffer, type = 'audio/mpeg') => api.put(path).set('Content-Type', type).send(body);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

/** Begins an upload and keeps it open. */
function beginUpload(headers: Record<string, string> = {}): ClientRequest {
  const upload = httpRequest({
    port: service.port,
    path,
    method: 'PUT',
    headers: { 'content-type': 'audio/mpeg', ...headers },
  });
  upload.on('error', () => {});
  upload.write(song.subarray(0, 100_000));
  return upload;
}

describe("a track's file", () => {
  test('comes back as it was sent, with its size and checksum', async () => {
    const { body } = await upload(song).expect(200);
    expect(body.file).toEqual({ sizeBytes: song.length, sha256, type: 'audio/mpeg' });
    const got = await api.get(path).buffer(true).parse(binary).expect(200);
    expect(got.body.equals(song)).toBe(true);
    expect(got.headers).toMatchObject({
      'content-type': 'audio/mpeg',
      'content-length': String(song.length),
      'content-disposition': 'attachment',
      'x-content-type-options': 'nosniff',
      etag: `"${sha256}"`,
    });
    expect(readFileSync(join(service.uploads.directory, stored()[0] ?? '')).equals(song)).toBe(true);
  });

  test('comes in parts when a part is asked for, and not at all when it is known', async () => {
    await upload(song).expect(200);
    const part = await api.get(path).set('Range', 'bytes=1000-1999').buffer(true).parse(binary).expect(206);
    expect(part.headers['content-range']).toBe(`bytes 1000-1999/${song.length}`);
    expect(part.body.equals(song.subarray(1000, 2000))).toBe(true);
    const beyond = await api.get(path).set('Range', `bytes=${song.length}-`).expect(416);
    expect(beyond.headers['content-range']).toBe(`bytes */${song.length}`);
    await api.get(path).set('If-None-Match', `"${sha256}"`).expect(304);
  });

  test('is replaced as a whole, and the old one removed', async () => {
    await upload(song).expect(200);
    await upload(Buffer.from('new'), 'audio/flac').expect(200);
    const got = await api.get(path).buffer(true).parse(binary).expect(200);
    expect(got.body.toString()).toBe('new');
    expect(stored()).toHaveLength(1);
  });

  test('is taken from one of two uploads at once; the other is told so and leaves nothing', async () => {
    const first = beginUpload();
    await until(() => incoming().length === 1);
    const answered = once(first, 'response');
    await upload(song).expect(200);
    first.end();
    const [response] = await answered;
    expect(response.statusCode).toBe(409);
    response.resume();
    expect(stored()).toHaveLength(1);
    expect(incoming()).toEqual([]);
    const got = await api.get(path).buffer(true).parse(binary).expect(200);
    expect(got.body.equals(song)).toBe(true);
  });
});

describe('an upload', () => {
  test('that the client breaks off leaves nothing behind', async () => {
    const broken = beginUpload({ 'content-length': String(song.length) });
    await until(() => incoming().length === 1);
    broken.destroy();
    await until(() => incoming().length === 0);
    expect(stored()).toEqual([]);
    await api.get(path).expect(404);
  });

  test('over the limit is refused before it is read when it says its size', async () => {
    const announced = httpRequest({
      port: service.port,
      path,
      method: 'PUT',
      headers: { 'content-type': 'audio/mpeg', 'content-length': String(MAX_UPLOAD_BYTES + 1) },
    });
    announced.flushHeaders();
    const [response] = await once(announced, 'response');
    expect(response.statusCode).toBe(413);
    announced.on('error', () => {});
    announced.destroy();
    expect(incoming()).toEqual([]);
  });

  test('over the limit is answered and removed, and its connection goes on', async () => {
    const socket = connect(service.port, '127.0.0.1');
    const chunk = Buffer.concat([Buffer.from('80000\r\n'), Buffer.alloc(0x80000), Buffer.from('\r\n')]);
    socket.write(`PUT ${path} HTTP/1.1\r\nHost: tracks\r\nTransfer-Encoding: chunked\r\n\r\n`);
    for (let sentBytes = 0; sentBytes < 10 * MAX_UPLOAD_BYTES; sentBytes += chunk.length) socket.write(chunk);
    socket.write('0\r\n\r\nGET /livez HTTP/1.1\r\nHost: tracks\r\nConnection: close\r\n\r\n');
    const answers = (await text(socket)).match(/HTTP\/1\.1 \d+/g);
    expect(answers).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200']);
    expect([...incoming(), ...stored()]).toEqual([]);
  });

  test.each([
    ['a page that a browser would run', 'text/html', 415],
    ['a form', 'application/x-www-form-urlencoded', 415],
    ['nothing', 'audio/mpeg', 400],
  ])('of %s is refused', async (name, type, status) => {
    await upload(name === 'nothing' ? Buffer.alloc(0) : song, type).expect(status);
    expect([...incoming(), ...stored()]).toEqual([]);
  });

  test('of an empty stream is refused and removed', async () => {
    const empty = httpRequest({
      port: service.port,
      path,
      method: 'PUT',
      headers: { 'content-type': 'audio/mpeg', 'transfer-encoding': 'chunked' },
    });
    empty.end();
    const [response] = await once(empty, 'response');
    expect(response.statusCode).toBe(400);
    response.resume();
    expect([...incoming(), ...stored()]).toEqual([]);
  });

  test('to a track that does not exist is not stored', async () => {
    await api
      .put('/v1/tracks/019a0000-0000-7000-8000-000000000000/file')
      .set('Content-Type', 'audio/mpeg')
      .send(song)
      .expect(404);
    expect([...incoming(), ...stored()]).toEqual([]);
  });
});

test('a file that is missing on disk is a failure of the service, not of the client', async () => {
  await upload(song).expect(200);
  rmSync(join(service.uploads.directory, stored()[0] ?? ''));
  await api.get(path).expect(500);
});

test('what a killed process left is removed at the next start, and what is being written is not', async () => {
  const directory = join(dirname(service.uploads.directory), 'other');
  await openUploadStore(directory, 1);
  const [old, fresh] = ['old', 'fresh'].map((name) => join(directory, 'incoming', name)) as [string, string];
  for (const file of [old, fresh]) writeFileSync(file, 'part');
  utimesSync(old, 0, 0);
  await openUploadStore(directory, 1);
  expect([existsSync(old), existsSync(fresh)]).toEqual([false, true]);
});

function binary(response: unknown, done: (error: Error | null, body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  const stream = response as NodeJS.ReadableStream; // superagent hands over Node's own response
  stream.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => done(null, Buffer.concat(chunks)));
}
