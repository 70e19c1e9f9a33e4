import { EventEmitter } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { onStopSignals } from '../stack/signals.ts';

function listening() {
  const source = new EventEmitter();
  const heard: string[] = [];
  const clock = { nowMs: 0 };
  const stop = onStopSignals(
    { first: (signal) => heard.push(`first ${signal}`), again: (signal) => heard.push(`again ${signal}`) },
    source,
    () => clock.nowMs,
  );
  const send = (signal: string, atMs: number) => {
    clock.nowMs = atMs;
    source.emit(signal, signal);
  };
  return { source, heard, send, stop };
}

describe('stop signals', () => {
  test('a second Ctrl-C is another wish', () => {
    const { heard, send } = listening();
    send('SIGINT', 0);
    send('SIGINT', 1000);
    expect(heard).toEqual(['first SIGINT', 'again SIGINT']);
  });

  test('one Ctrl-C that arrives from the terminal and from npm is one wish', () => {
    const { heard, send } = listening();
    send('SIGINT', 0);
    send('SIGINT', 20);
    expect(heard).toEqual(['first SIGINT']);
  });

  test('the end of the entry script counts as a signal', () => {
    const { heard, source } = listening();
    source.emit('disconnect');
    expect(heard).toEqual(['first SIGHUP']);
  });

  test('are left alone afterwards', () => {
    const { source, stop } = listening();
    stop();
    expect(source.eventNames()).toEqual([]);
  });
});
