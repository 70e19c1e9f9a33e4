import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { mergeProcessCovs, type ProcessCov, type ScriptCov } from '@bcoe/v8-coverage';
import coverage, { type CoverageMap } from 'istanbul-lib-coverage';
import v8ToIstanbul from 'v8-to-istanbul';

const BUILT = /\/(?:backend|examples)\/[^/]+\/dist\/.*\.js$/;
const SOURCE = /\/(?:(?:backend|examples)\/[^/]+\/src|scripts)\/.*\.ts$/;

/**
 * What the processes that tests started executed, in terms of our sources.
 *
 * @param directory holds what Node wrote for NODE_V8_COVERAGE
 * @param isWanted whether a source file counts
 */
export async function childCoverage(
  root: string,
  directory: string,
  isWanted: (file: string) => boolean,
): Promise<CoverageMap> {
  const map = coverage.createCoverageMap({});
  const { result } = mergeProcessCovs(readProcesses(root, directory));
  for (const script of result) {
    for (const [file, data] of Object.entries(await toSources(script))) {
      if (isWanted(file) && existsSync(file)) map.merge({ [file]: data });
    }
  }
  return map;
}

function readProcesses(root: string, directory: string): ProcessCov[] {
  if (!existsSync(directory)) return [];
  const isOurs = ({ url }: ScriptCov) => url.startsWith(`file://${root}/`) && (BUILT.test(url) || SOURCE.test(url));
  return readdirSync(directory).flatMap((name) => {
    const process = parse(readFileSync(path.join(directory, name), 'utf8'));
    return process ? [{ result: process.result.filter(isOurs) }] : [];
  });
}

/** A process that was killed while it wrote leaves half a file. */
function parse(text: string): ProcessCov | undefined {
  try {
    return JSON.parse(text) as ProcessCov;
  } catch {
    return undefined;
  }
}

/** Node strips types in place, so what ran from a source needs no map; what was built has one beside it. */
async function toSources({ url, functions }: ScriptCov) {
  const file = fileURLToPath(url);
  const mapFile = `${file}.map`;
  if (BUILT.test(url) && !existsSync(mapFile)) return {};
  const sources = existsSync(mapFile)
    ? {
        source: readFileSync(file, 'utf8'),
        sourceMap: { sourcemap: JSON.parse(readFileSync(mapFile, 'utf8')) as unknown },
      }
    : { source: readFileSync(file, 'utf8') };
  const converter = v8ToIstanbul(file, 0, sources);
  await converter.load();
  converter.applyCoverage(functions);
  return converter.toIstanbul();
}
