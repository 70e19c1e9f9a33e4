import { expect, test } from '@jest/globals';
import type { Exchange } from '../src/pipeline/exchange.ts';
import { OpenExchanges } from '../src/pipeline/open-exchanges.ts';

const exchange = (): Exchange => ({ place: -1 }) as Exchange;

test('what is under way is what was added and not deleted, in whatever order that happens', () => {
  const open = new OpenExchanges();
  const all = Array.from({ length: 50 }, exchange);
  all.forEach((each) => open.add(each));
  const left = new Set(all);
  for (let i = 0; i < 30; i++) {
    const gone = all[(i * 37) % all.length] as Exchange;
    open.delete(gone);
    // twice does no harm, and neither does one that never was among them
    open.delete(gone);
    open.delete(exchange());
    left.delete(gone);
    expect([open.size, new Set(open)]).toEqual([left.size, left]);
  }
});

test('those that end while they are looked through are all seen', () => {
  const open = new OpenExchanges();
  const all = Array.from({ length: 10 }, exchange);
  all.forEach((each) => open.add(each));
  const seen: Exchange[] = [];
  for (const each of open) {
    seen.push(each);
    open.delete(each);
  }
  expect(new Set(seen)).toEqual(new Set(all));
  expect(open.size).toBe(0);
});
