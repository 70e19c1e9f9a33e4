import { TraceStore } from '../../src/traces/store/trace-store.ts';
import { delivery, newTraceId, span } from './spans.ts';

/**
 * A process that only stores: writes the ids of committed traces to stdout, one a line, until it is killed.
 * Arguments: folder, and how many bytes each span has.
 */
const [, , folder = '', padding = '100'] = process.argv;
const store = new TraceStore({
  folder,
  limitBytes: 64 * 1024 * 1024,
  onProblem: (message) => process.stdout.write(`problem ${message}\n`),
});
for (let count = 0; ; count++) {
  const traceId = newTraceId();
  store.acceptSpans(delivery('child', span({ traceId, attributes: { padding: 'x'.repeat(Number(padding)) } })));
  store.flush();
  const { stored, dropped } = store.stats();
  process.stdout.write(`${dropped.disk > 0 ? `dropped ${dropped.disk} stored ${stored.spans}` : traceId}\n`);
  await new Promise(setImmediate);
}
