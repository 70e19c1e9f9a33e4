// Checks the licences of what is shipped: everything that is not only a tool of development.
//   node scripts/check-licences.ts
import { execFileSync } from 'node:child_process';
import path from 'node:path';

const ALLOWED = new Set([
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'Unlicense',
  'CC0-1.0',
  'Python-2.0',
]);
/** Packages with another licence that were looked at, and why they may stay. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  sentry: "FSL-1.1-Apache-2.0: the command of Sentry's build plugins, neither loaded by a process nor passed on",
};

interface Package {
  readonly name: string;
  readonly version: string;
  readonly location: string;
}
const root = path.dirname(import.meta.dirname);

/** Runs a program of node_modules and reads the JSON that it prints. */
function json(program: string, args: readonly string[]): unknown {
  const text = execFileSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 512 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(text);
}

/** An SPDX expression is fine when one side of each OR, and both of each AND, are. */
export function isAllowed(licence: string): boolean {
  const text = licence.replace(/^\((.*)\)$/, '$1');
  if (/ or /i.test(text)) return text.split(/ or /i).some(isAllowed);
  if (/ and /i.test(text)) return text.split(/ and /i).every(isAllowed);
  return ALLOWED.has(text);
}

function main(): number {
  // npm knows which packages only development needs; license-checker reads the licence texts where the field is missing
  const shipped = (json('npm', ['query', ':not(.dev)']) as Package[]).filter(({ location }) =>
    location.includes('node_modules/'),
  );
  const checker = path.join(root, 'node_modules/license-checker-rseidelsohn/bin/license-checker-rseidelsohn.js');
  const licences = json(process.execPath, [checker, '--json']) as Record<string, { licenses: string | string[] }>;
  const refused = shipped.flatMap(({ name, version }) => {
    const licence = [licences[`${name}@${version}`]?.licenses ?? 'unknown'].flat().join(' AND ');
    return isAllowed(licence) || name in EXCEPTIONS ? [] : [`${name}@${version}: ${licence}`];
  });
  if (shipped.length === 0) refused.push('npm named no package at all');
  for (const line of refused) console.error(line);
  console.log(`${shipped.length} packages, ${refused.length} with a licence that is not allowed`);
  return refused.length > 0 ? 1 : 0;
}

if (import.meta.main) process.exit(main());
