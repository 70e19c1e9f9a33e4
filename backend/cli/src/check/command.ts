import { ConfigurationError } from '@clearway/kernel';
import type { Command } from '@commander-js/extra-typings';
import { DEFAULT_FILE, loadFile } from '../config-file.ts';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { count } from '../terminal/style.ts';
import { routeRows } from './route-rows.ts';
import { printRouteTable } from './route-table.ts';

const EXAMPLES = `
Examples
  clearway check                      the file clearway.yaml of this folder
  clearway check deploy/edge.yaml
  clearway check --json | jq '.problems[].message'
`;

/** Adds `clearway check`. */
export function addCheckCommand(program: Command, context: CliContext, finish: Finish): void {
  program
    .command('check')
    .summary('validate the configuration and print the route table')
    .description(
      'Validates the configuration, all problems at once, and prints the routes in the order they are tried.',
    )
    .argument('[file]', 'the configuration', DEFAULT_FILE)
    .option('--json', 'print JSON, for scripts')
    .addHelpText('after', EXAMPLES)
    .action(async (file, { json }) => finish(await check(file, json === true, context)));
}

async function check(file: string, asJson: boolean, context: CliContext): Promise<ExitCode> {
  try {
    const { RouteTable } = await import('@clearway/gateway');
    const { configuration, files } = await loadFile(file, context);
    const rows = routeRows(new RouteTable(configuration.routes).routes, configuration);
    if (asJson) {
      context.out(JSON.stringify({ file, files, problems: [], routes: rows }, null, 2));
      return EXIT.ok;
    }
    const { upstreams, checks } = configuration;
    const parts = [
      count(rows.length, 'route'),
      count(Object.keys(upstreams).length, 'upstream'),
      count(checks.length, 'check'),
    ];
    const includes = files.length > 1 ? `, with ${files.slice(1).join(', ')}` : '';
    context.out(`${context.style('green', 'ok')}  ${file}${includes}: ${parts.join(', ')}`);
    context.out('');
    printRouteTable(rows, configuration, context);
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    if (asJson) context.out(JSON.stringify({ file, problems: error.problems, routes: [] }, null, 2));
    else context.error(error.message);
    return EXIT.configuration;
  }
}
