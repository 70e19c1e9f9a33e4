import { describe, expect, test } from '@jest/globals';
import { parseStack } from '../../src/flight-recorder/main-thread-inspector.ts';

describe('a stack as V8 writes it', () => {
  test('becomes frames, innermost first, without those of who asked', () => {
    const stack = `Error
    at clearway-watchdog:5:12
    at clearway-watchdog:10:3
    at RegExp.test (<anonymous>)
    at Object.spin [as handler] (file:///app/my%20files/spin.js:7:54)
    at async Promise.all (index 0)
    at file:///app/main.js:14:24
    at wasm://wasm/bc7212c2:wasm-function[0]:0x23
    at Server.emit (node:events:514:28)`;
    expect(parseStack(stack)).toEqual([
      { function: 'RegExp.test', file: '<anonymous>', line: 0, column: 0 },
      { function: 'Object.spin [as handler]', file: '/app/my files/spin.js', line: 7, column: 54 },
      { function: 'async Promise.all', file: 'index 0', line: 0, column: 0 },
      { function: '(anonymous)', file: '/app/main.js', line: 14, column: 24 },
      { function: '(anonymous)', file: 'wasm://wasm/bc7212c2:wasm-function[0]:0x23', line: 0, column: 0 },
      { function: 'Server.emit', file: 'node:events', line: 514, column: 28 },
    ]);
  });

  test('is bounded in number and length', () => {
    const frames = parseStack(`Error\n${`    at ${'f'.repeat(1000)} (${'x'.repeat(1000)}:1:1)\n`.repeat(100)}`);
    expect(frames).toHaveLength(50);
    expect(frames[0]?.function).toHaveLength(200);
    expect(frames[0]?.file).toHaveLength(200);
  });
});
