import { parseArgs } from 'node:util';
import { configurationOrExit } from './config/environment.ts';
import {
  contract,
  retryErrors,
  separate,
  separationStatus,
  SeparationRefused,
  undo,
  type SeparationStatus,
} from './separation/separation.ts';

const USAGE = `Makes tracks of the songs that older posts hold themselves.

  npm run separate -w examples/tracks-service -- COMMAND [--batch POSTS] [--share PERCENT]

  status         how far it is
  forward        goes on until no post holds a song any more; may be stopped or killed at any moment
  back           puts the songs back into their posts
  retry-errors   has posts that could not be moved tried again by the next 'forward'
  contract       takes the old columns away; there is no way back

  --batch   posts in one transaction (200)
  --share   percent of the time in which it works; the rest is left to requests (50)
`;
const EXIT_USAGE = 64;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    batch: { type: 'string', default: '200' },
    share: { type: 'string', default: '50' },
    help: { type: 'boolean' },
  },
});
const abort = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => abort.abort());

const show = ({ total, done, errors, isContracted }: SeparationStatus): void => {
  const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
  console.log(
    isContracted
      ? 'contracted: the old columns are gone'
      : `${done} of ${total} posts separated (${percent} %), ${errors} with an error`,
  );
};

const inRange = (text: string, max: number): number | undefined =>
  /^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= max ? Number(text) : undefined;

async function main(): Promise<number> {
  const [command, ...rest] = positionals;
  const batchSize = inRange(values.batch, 10_000);
  const sharePercent = inRange(values.share, 100);
  if (values.help === true) {
    console.log(USAGE);
    return 0;
  }
  if (rest.length > 0 || batchSize === undefined || sharePercent === undefined) {
    console.error(USAGE);
    return EXIT_USAGE;
  }
  const { databaseUrl: connectionString } = configurationOrExit();
  const options = { connectionString, batchSize, sharePercent, signal: abort.signal, onProgress: show };
  switch (command) {
    case 'status':
      show(await separationStatus(connectionString));
      return 0;
    case 'forward':
      show(await separate(options));
      return 0;
    case 'back':
      show(await undo(options));
      return 0;
    case 'retry-errors':
      console.log(`${await retryErrors(connectionString)} posts will be tried again`);
      return 0;
    case 'contract':
      show(await contract(connectionString));
      return 0;
    default:
      console.error(USAGE);
      return EXIT_USAGE;
  }
}

process.exitCode = await main().catch((error: unknown) => {
  if (!(error instanceof SeparationRefused)) throw error;
  console.error(`refused: ${error.message}`);
  return 1;
});
