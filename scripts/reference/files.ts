import { cliEnvironment } from '@clearway/cli';
import { clearwayJsonSchema } from '@clearway/gateway';
import { renderEnvironmentExample } from '@clearway/kernel';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';
import { processEnvironment as gatewayEnvironment } from '@clearway/api-gateway/environment';
import { processEnvironment as workerEnvironment } from '@clearway/worker/environment';
import { startEnvironment } from '../stack/settings.ts';
import { cliPage } from './cli.ts';
import { configurationPage } from './configuration.ts';
import { environmentPage, type EnvironmentReader } from './environment.ts';
import { failureClassesPage } from './failure-classes.ts';
import { metricsPage } from './metrics.ts';

/** Who reads variables; of one that several read, the last one's description counts. */
export const ENVIRONMENT_READERS: readonly EnvironmentReader[] = [
  { name: 'npm start', shape: startEnvironment },
  { name: 'gateway', shape: gatewayEnvironment },
  { name: 'worker', shape: workerEnvironment },
  { name: 'command line', shape: cliEnvironment },
];

/**
 * Every generated file as it would be written now.
 *
 * @param root folder of the clone, for its formatting rules
 * @returns texts by path below the root
 */
export async function referenceFiles(root: string): Promise<Map<string, string>> {
  const schema = clearwayJsonSchema();
  const raw: Readonly<Record<string, string>> = {
    'clearway.schema.json': `${JSON.stringify(schema, null, 2)}\n`,
    '.env.example': renderEnvironmentExample(ENVIRONMENT_READERS.map(({ shape }) => shape)),
    'docs/reference/configuration.md': configurationPage(schema),
    'docs/reference/environment.md': environmentPage(ENVIRONMENT_READERS),
    'docs/reference/failure-classes.md': failureClassesPage(),
    'docs/reference/metrics.md': metricsPage(),
    'docs/reference/cli.md': cliPage(),
  };
  const options = await resolveConfig(path.join(root, 'package.json'));
  const formatted = Object.entries(raw).map(async ([name, text]) => {
    const parser = name.endsWith('.md') ? 'markdown' : name.endsWith('.json') ? 'json' : undefined;
    return [name, parser === undefined ? text : await format(text, { ...options, parser })] as const;
  });
  return new Map(await Promise.all(formatted));
}
