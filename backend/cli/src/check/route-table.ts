import type { ClearwayConfiguration } from '@clearway/gateway/configuration';
import type { CliContext } from '../context.ts';
import { table, type Column } from '../terminal/table.ts';
import { ROUTE_COLUMNS, routeCells, UPSTREAM_COLUMNS, upstreamCells, type RouteRow } from './route-rows.ts';

/** Prints routes in the order in which they are tried, and where they lead. */
export function printRouteTable(
  rows: readonly RouteRow[],
  configuration: ClearwayConfiguration,
  context: CliContext,
): void {
  if (rows.length === 0) return context.out('No routes: every request is answered with route_not_found.');
  context.out('Routes, in the order in which they are tried:');
  printTable(ROUTE_COLUMNS, rows.map(routeCells), context);
  context.out('');
  context.out('Upstreams, with their time limits:');
  printTable(
    UPSTREAM_COLUMNS,
    Object.entries(configuration.upstreams).map(([name, upstream]) => upstreamCells(name, upstream)),
    context,
  );
}

function printTable(columns: readonly Column[], rows: readonly (readonly string[])[], context: CliContext): void {
  const [heading = '', ...lines] = table(columns, rows);
  context.out(`  ${context.style('dim', heading)}`);
  for (const line of lines) context.out(`  ${line}`);
}
