import { InvalidArgumentError, type Command } from '@commander-js/extra-typings';
import type { CliContext } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { Finish } from '../program.ts';
import { findTrace } from './find-trace.ts';
import { headline } from './headline.ts';
import { renderCandidates, renderUnknown } from './not-found.ts';
import { renderStory } from './render.ts';
import { tell, type Story } from './story.ts';
import { httpUrl, workerUrl } from '../operations/client.ts';
import { recentRecord, workerClient } from './worker-client.ts';

const EXAMPLES = `
The worker is asked with the token OPERATIONS_TOKEN; on loopback without OPERATIONS_TOKENS none is needed.

Examples
  clearway explain 4bf92f3577b34da6a3ce929d0e0e4736     the Trace-Id header of an answer
  clearway explain 4bf92f35                             its beginning, of a recent trace
  clearway explain order-4711                           the X-Request-Id header of an answer
  clearway explain 4bf92f35 --json | jq .attempts
`;

interface ExplainOptions {
  readonly url: string;
  readonly gatewayUrl: string;
  readonly wait: number;
  readonly json?: true | undefined;
}

/** Adds `clearway explain`. */
export function addExplainCommand(program: Command, context: CliContext, finish: Finish): void {
  const { variables } = context;
  program
    .command('explain')
    .summary('tell what happened to a request')
    .description(
      'Tells what happened to a request: its route, attempts, phases, spans, SQL and log lines, and whose fault it was.',
    )
    .argument('<id>', 'trace id or its beginning, traceparent, or request id')
    .option('-u, --url <url>', 'address of the worker', httpUrl, workerUrl(context))
    .option(
      '--gateway-url <url>',
      'address of the admin listener',
      httpUrl,
      `http://127.0.0.1:${variables['ADMIN_PORT'] ?? 8001}`,
    )
    .option('-w, --wait <seconds>', 'how long to wait for spans that are under way', seconds, 5)
    .option('--json', 'print JSON, for scripts')
    .addHelpText('after', EXAMPLES)
    .action(async (id, options) => finish(await explain(id, options, context)));
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 600) return value;
  throw new InvalidArgumentError('Give a number of seconds from 0 to 600.');
}

async function explain(id: string, options: ExplainOptions, context: CliContext): Promise<ExitCode> {
  const { url, gatewayUrl, wait, json } = options;
  const token = context.variables['OPERATIONS_TOKEN'];
  const client = workerClient(url, token);
  const found = await findTrace(id, client, wait * 1000, context.clock);
  if (!found) {
    renderUnknown(id, await recentRecord(gatewayUrl, token, id), { workerUrl: url, waitSeconds: wait }, context);
    return EXIT.problem;
  }
  if ('candidates' in found) {
    renderCandidates(id, found.candidates, context);
    return EXIT.problem;
  }
  const story = tell(found.traceId, found.trace, await client.logs(found.traceId), id);
  if (json) context.out(JSON.stringify(storyDocument(story), null, 2));
  else renderStory(story, context);
  if (!found.complete)
    context.error('\nSome spans may still be missing: an upstream that answered has sent none (is it traced?).');
  return EXIT.ok;
}

/** The story as a script wants it: spans as a flat list, joined by their ids. */
function storyDocument({ tree, ...story }: Story): object {
  const spans = tree.all.map(({ children: _, ...span }) => span);
  return { headline: headline({ ...story, tree }), ...story, spans };
}
