import { describe, expect, test } from '@jest/globals';
import type { Slice } from '../overhead/measure.ts';
import { renderBar, renderResults, results } from '../overhead/report.ts';
import { renderTable } from '../overhead/table.ts';

function slice(server: Slice['server'], cpuMicros: number, more: Partial<Slice> = {}): Slice {
  return {
    server,
    requests: 1000,
    cutOff: 0,
    elapsedSeconds: 1,
    cpuMicros,
    mainCpuMicros: cpuMicros - 5,
    requestsPerSecond: 1e6 / cpuMicros,
    p50Ms: 1,
    p99Ms: 2,
    rssBytes: 100 * 1024 * 1024,
    serverCpuBusy: 1,
    loadCpusBusy: 0.5,
    ...more,
  };
}

describe('the report', () => {
  test('holds the others against the bare forwarder of the same run', () => {
    const all = results(['gateway-on', 'bare'], [slice('gateway-on', 60), slice('bare', 30)]);
    expect(all[0]?.ratios).toMatchObject({ cpu: 2, cpuMedian: 2, mainCpu: 2.2, requestsPerSecond: 0.5 });
    expect(all[1]?.ratios?.cpu).toBe(1);
  });

  test('gives no ratios without a yardstick', () => {
    const all = results(['gateway-on'], [slice('gateway-on', 60)]);
    expect(all[0]?.ratios).toBeUndefined();
    expect(renderBar(all)).toBeUndefined();
  });

  test('compares by the slices that were disturbed least', () => {
    const disturbed = [30, 30, 30, 90, 90].map((cpuMicros) => slice('bare', cpuMicros));
    expect(results(['bare'], disturbed)[0]?.cpuMicros.lowerQuartile).toBe(30);
  });

  test('says whether the bar is met', () => {
    const at = (cpuMicros: number) =>
      results(['gateway-on', 'bare'], [slice('gateway-on', cpuMicros), slice('bare', 30)]);
    expect(renderBar(at(66))).toMatch(/2\.20×, met$/);
    expect(renderBar(at(67))).toMatch(/2\.23×, MISSED$/);
  });

  test('shows no throughput of a server that waited for the generator', () => {
    const idle = slice('bare', 30, { serverCpuBusy: 0.7, loadCpusBusy: 0.98 });
    const [held, free] = [results(['bare'], [idle]), results(['bare'], [{ ...idle, loadCpusBusy: 0.6 }])];
    expect(held[0]?.isServerSaturated).toBe(false);
    expect(renderResults(held)).not.toContain('33333');
    expect(renderResults(held)).toContain('30.0');
    expect(renderResults(free)).toContain('33333');
  });

  test('lays out columns: the first to the left, the others to the right', () => {
    expect(
      renderTable(
        ['name', 'µs'],
        [
          ['a', '5'],
          ['longer', '12.5'],
        ],
      ),
    ).toBe(['name      µs', '------  ----', 'a          5', 'longer  12.5'].join('\n'));
  });
});
