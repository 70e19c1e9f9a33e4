import { ConfigurationError } from '@clearway/kernel';
import { InvalidArgumentError, Option, type Command } from '@commander-js/extra-typings';
import { DEFAULT_FILE, loadFile } from '../config-file.ts';
import type { CliContext } from '../context.ts';
import { EXIT, UsageError, type ExitCode } from '../exit-codes.ts';
import { httpUrl } from '../operations/client.ts';
import type { Finish } from '../program.ts';
import { count } from '../terminal/style.ts';
import { checkAgainstRecent } from './against/command.ts';
import { routeRows } from './route-rows.ts';
import { printRouteTable } from './route-table.ts';

const EXAMPLES = `
With --against recent, the admin listener of a running gateway is asked for its recent requests, with the token
OPERATIONS_TOKEN; on loopback without OPERATIONS_TOKENS none is needed. Nothing is sent to upstreams, nothing is changed.

Examples
  clearway check                                 the file clearway.yaml of this folder
  clearway check deploy/edge.yaml
  clearway check --json | jq '.problems[].message'
  clearway check new.yaml --against recent       which requests would get another route, policy or answer?
  clearway check new.yaml --against recent --json | jq '.changes[] | {count, from, to}'

Exit status with --against recent
  0   no recent request would fare differently
  1   some would: which, and how, was printed
  69  it cannot be told: no gateway can be asked there, or it knows too few requests
  78  the configuration is faulty
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
    .addOption(
      new Option('--against <requests>', 'also say which recent requests would fare differently').choices([
        'recent',
      ] as const),
    )
    .option('-u, --url <url>', 'address of the admin listener, for --against', httpUrl)
    .option('--least <requests>', 'say nothing against fewer requests (default: 10)', wholeNumber)
    .option('--json', 'print JSON, for scripts')
    .addHelpText('after', EXAMPLES)
    .action(async (file, options) => finish(await check(file, options, context)));
}

function wholeNumber(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number.');
}

interface CheckOptions {
  readonly against?: 'recent' | undefined;
  readonly url?: string | undefined;
  readonly least?: number | undefined;
  readonly json?: true | undefined;
}

const LEAST_REQUESTS = 10;

async function check(file: string, options: CheckOptions, context: CliContext): Promise<ExitCode> {
  const { against, url, least } = options;
  const asJson = options.json === true;
  if (against === undefined && (url ?? least) !== undefined) throw new UsageError('--url and --least need --against');
  try {
    const { RouteTable, shownConfiguration } = await import('@clearway/gateway/configuration');
    const loaded = await loadFile(file, context);
    const { files } = loaded;
    const configuration = shownConfiguration(loaded);
    if (against !== undefined) {
      const admin = url ?? `http://127.0.0.1:${context.variables['ADMIN_PORT'] ?? 8001}`;
      return await checkAgainstRecent(
        configuration,
        { file, url: admin, least: least ?? LEAST_REQUESTS, asJson },
        context,
      );
    }
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
