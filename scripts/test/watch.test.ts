import { describe, expect, test } from '@jest/globals';
import { affectedBy, readWorkspaces, watchSources, type Workspace } from '../stack/watch.ts';
import { folder, write } from './support/folder.ts';

const workspace = (folder: string, ...dependencies: string[]): Workspace => ({
  folder,
  name: `@x/${folder}`,
  dependencies,
});
const ALL = [
  workspace('kernel'),
  workspace('telemetry', '@x/kernel'),
  workspace('worker', '@x/telemetry', 'express'),
  workspace('gateway', '@x/kernel'),
];

describe('watching', () => {
  test('a change affects all that depend on it, also indirectly', () => {
    expect(affectedBy(new Set(['telemetry']), ALL)).toEqual(new Set(['telemetry', 'worker']));
    expect(affectedBy(new Set(['kernel']), ALL)).toEqual(new Set(['kernel', 'telemetry', 'worker', 'gateway']));
    expect(affectedBy(new Set(['gateway']), ALL)).toEqual(new Set(['gateway']));
  });

  test('reads the workspaces of a clone', () => {
    const manifest = JSON.stringify({ name: '@x/a', dependencies: { express: '1' } });
    const root = folder({
      'backend/a/package.json': manifest,
      'backend/a/node_modules/b/package.json': '{"name":"b"}',
    });
    expect(readWorkspaces(root)).toEqual([{ folder: 'backend/a', name: '@x/a', dependencies: ['express'] }]);
  });

  test('several changes at once are told once, and generated files not at all', async () => {
    const root = folder({ 'a/src/x.ts': '', 'b/prisma/schema.prisma': '', 'c/src/generated/client.ts': '' });
    const told = Promise.withResolvers<[ReadonlySet<string>, boolean]>();
    let calls = 0;
    const stop = watchSources(
      root,
      ['a', 'b', 'c'].map((name) => workspace(name)),
      (changed, schema) => {
        calls++;
        told.resolve([changed, schema]);
        return Promise.resolve();
      },
    );
    write(root, { 'c/src/generated/client.ts': '1', 'a/src/x.ts': '1', 'b/prisma/schema.prisma': '1' });
    expect(await told.promise).toEqual([new Set(['a', 'b']), true]);
    stop();
    expect(calls).toBe(1);
  });

  test('a change during the work is told after it', async () => {
    const root = folder({ 'a/src/x.ts': '' });
    const [firstEnds, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let calls = 0;
    const stop = watchSources(root, [workspace('a')], () => {
      calls++;
      if (calls === 2) second.resolve();
      else write(root, { 'a/src/x.ts': '2' });
      return calls === 1 ? firstEnds.promise : Promise.resolve();
    });
    write(root, { 'a/src/x.ts': '1' });
    setTimeout(firstEnds.resolve, 400);
    await second.promise;
    stop();
    expect(calls).toBe(2);
  });
});
