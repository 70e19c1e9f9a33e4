import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Router } from 'express';
import { expressPath } from '../src/operations/operation.ts';
import { startApi, type ApiUnderTest } from './support/operations.ts';

interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly tags?: string[];
  readonly parameters?: { name: string; in: string; required?: boolean; schema: object }[];
  readonly responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
}
interface Document {
  readonly openapi: string;
  readonly info: { title: string; version: string };
  readonly tags: { name: string }[];
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { schemas: Record<string, object> };
}

let api: ApiUnderTest;
let document: Document;
beforeAll(async () => {
  api = await startApi();
  document = (await (await api.get('/api/openapi.json')).json()) as Document;
});
afterAll(() => api.close());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  );

describe('the OpenAPI document', () => {
  test('has what OpenAPI 3.1 asks for', () => {
    expect(document).toMatchObject({ openapi: '3.1.1', info: { title: expect.any(String), version: '1.2.3' } });
    const tags = document.tags.map(({ name }) => name);
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { path, operation } of operations()) {
      expect(operation.summary).toEqual(expect.any(String));
      expect(tags).toEqual(expect.arrayContaining(operation.tags ?? ['none']));
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = (operation.parameters ?? []).filter((each) => each.in === 'path');
      expect(declared.map(({ name }) => name)).toEqual(inPath);
      expect(declared.every(({ required }) => required)).toBe(true);
      expect(Object.keys(operation.responses)).toContain('200');
      for (const [status, answer] of Object.entries(operation.responses)) {
        expect(answer.description).toMatch(/\w/);
        if (Number(status) >= 400 && status !== '503')
          expect(Object.keys(answer.content ?? {})).toEqual(['application/problem+json']);
      }
    }
  });

  test('refers to nothing that it does not hold', () => {
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref ?? '');
    expect(refs.length).toBeGreaterThan(20);
    for (const ref of refs) {
      expect(ref).toMatch(/^#\/components\/schemas\//);
      expect(document.components.schemas).toHaveProperty(ref.split('/').at(-1) ?? '');
    }
  });

  test('names the schemas of the contracts', () => {
    const names = [
      'Trace',
      'TraceList',
      'TraceSummary',
      'Span',
      'LogsData',
      'Health',
      'Problem',
      'AnyValue',
      'KeyValue',
    ];
    expect(Object.keys(document.components.schemas)).toEqual(expect.arrayContaining(names));
  });

  test('tells the parameters of a search with their types', () => {
    const parameters = document.paths['/api/traces']?.['get']?.parameters ?? [];
    const types = Object.fromEntries(parameters.map(({ name, schema }) => [name, schema]));
    expect(Object.keys(types)).toEqual([
      'route',
      'reason',
      'minDurationMs',
      'service',
      'requestId',
      'since',
      'limit',
      'cursor',
    ]);
    expect(types['minDurationMs']).toMatchObject({ type: 'number', minimum: 0 });
    expect(types['limit']).toMatchObject({ type: 'integer', minimum: 1, maximum: 500, default: 50 });
  });

  test('documents every route of the app, and every documented operation is one', async () => {
    const routes = (api.app.router as unknown as Router).stack.flatMap(({ route }) => {
      const all = route as { path?: string; methods?: Record<string, boolean> } | undefined;
      const methods = Object.keys(all?.methods ?? {}).filter((method) => method !== '_all');
      return methods.map((method) => `${method} ${all?.path}`);
    });
    const documented = operations().map(({ method, path }) => `${method} ${expressPath(path)}`);
    expect(routes.sort()).toEqual(documented.sort());
    for (const { method, path } of operations()) {
      const url =
        api.origin +
        path.replace('{service}', 'database').replace('{traceId}', '1'.repeat(32)).replace('{file}', 'start.js');
      const { status, headers } = await fetch(url, { method });
      const isUnknownTrace = path.startsWith('/api/traces/{');
      expect([path, status]).toEqual([
        path,
        isUnknownTrace ? 404 : method === 'post' ? 415 : path === '/readyz' ? 503 : 200,
      ]);
      const known = document.paths[path]?.[method]?.responses[String(status)];
      const [type = ''] = (headers.get('content-type') ?? '').split(';');
      expect(Object.keys(known?.content ?? {}).some((each) => each === '*/*' || each === type)).toBe(true);
    }
  });
});

describe('the page', () => {
  test('loads everything from this server, and no script stands in it', async () => {
    const answer = await api.get('/api/docs');
    const html = await answer.text();
    const loaded = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url ?? '');
    expect(loaded).toHaveLength(4);
    for (const url of loaded) {
      expect(url).toMatch(/^\/api\/docs\//);
      const file = await api.get(url);
      expect([url, file.status]).toEqual([url, 200]);
      expect((await file.arrayBuffer()).byteLength).toBeGreaterThan(20);
    }
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)/);
    expect(html).not.toMatch(/\son\w+=/);
    const policy = answer.headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/default-src 'none'; script-src 'self'; /);
    expect(policy).not.toMatch(/script-src[^;]*(unsafe|http|\*)/);
  });
});
