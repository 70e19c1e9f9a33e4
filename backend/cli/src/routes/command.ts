import type { ClearwayConfiguration } from '@clearway/gateway/configuration';
import type { Command } from '@commander-js/extra-typings';
import { routeRows } from '../check/route-rows.ts';
import { printRouteTable } from '../check/route-table.ts';
import { DEFAULT_FILE, loadFile } from '../config-file.ts';
import type { CliContext } from '../context.ts';
import { EXIT, UsageError, type ExitCode } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { parseRequest } from './parse-request.ts';
import { renderDecision } from './render.ts';

const EXAMPLES = `
Examples
  clearway routes                                             all routes, in the order they are tried
  clearway routes --match 'GET https://api.example.com/v1/tracks?page=2'
  clearway routes --match /v1//tracks/../posts                which path is matched and forwarded?
  clearway routes --match 'POST /v1/posts' -H 'x-version: 2'
`;

interface RoutesOptions {
  readonly file: string;
  readonly match?: string | undefined;
  readonly header: readonly string[];
  readonly json?: true | undefined;
}

/** Adds `clearway routes`. */
export function addRoutesCommand(program: Command, context: CliContext, finish: Finish): void {
  program
    .command('routes')
    .summary('say which route takes a request, and why the others do not')
    .description(
      'Prints the routes, or says which of them takes a request, what is forwarded, and why the others do not take it.' +
        ' Exits with 1 when none takes it.',
    )
    .option('-f, --file <file>', 'the configuration', DEFAULT_FILE)
    .option('-m, --match <request>', "the request, such as 'GET https://host/path?query'")
    .option('-H, --header <header>', "a header of the request, 'name: value'; may be repeated", append, [])
    .option('--json', 'print JSON, for scripts')
    .addHelpText('after', EXAMPLES)
    .action(async (options) => finish(await routes(options, context)));
}

function append(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}

async function routes(options: RoutesOptions, context: CliContext): Promise<ExitCode> {
  const { match, header, json } = options;
  if (match === undefined && header.length > 0) throw new UsageError('--header needs a request: add --match');
  const request = match === undefined ? undefined : parseRequest(match, header);
  const { shownConfiguration } = await import('@clearway/gateway/configuration');
  const loaded = await loadFile(options.file, context);
  const shown = shownConfiguration(loaded);
  if (!request) return printRoutes(shown, json === true, context);
  const { decide } = await import('./decide.ts');
  const decision = decide(request, loaded.configuration, shown);
  if (json) context.out(JSON.stringify({ request, ...decision }, null, 2));
  else renderDecision(request, decision, context);
  return ['route', 'reserved'].includes(decision.outcome.kind) ? EXIT.ok : EXIT.problem;
}

async function printRoutes(
  configuration: ClearwayConfiguration,
  asJson: boolean,
  context: CliContext,
): Promise<ExitCode> {
  const { RouteTable } = await import('@clearway/gateway/configuration');
  const rows = routeRows(new RouteTable(configuration.routes).routes, configuration);
  if (asJson) context.out(JSON.stringify({ routes: rows }, null, 2));
  else printRouteTable(rows, configuration, context);
  return EXIT.ok;
}
