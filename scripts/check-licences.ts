// Checks the licences of what is shipped: everything that is not only a tool of development.
//   node scripts/check-licences.ts
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';

const ALLOWED = new Set([
  'MIT',
  'MIT-0',
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
  'ansi-color': 'BSD-3-Clause by the text of its LICENSE; the field is missing',
  process: 'MIT by the text of its LICENSE; the field is missing',
  sentry: "FSL-1.1-Apache-2.0: the command of Sentry's build plugins, neither loaded by a process nor passed on",
};

interface Entry {
  /** Set for a package that is installed under another name. */
  readonly name?: string;
  readonly version: string;
  readonly dev?: boolean;
  /** Needed by development, or by an optional peer that is not used. */
  readonly devOptional?: boolean;
  readonly link?: boolean;
}
const root = path.dirname(import.meta.dirname);

/** What is installed and not for development only, by npm's own record: `name@version`. */
export function shippedPackages(installed: Readonly<Record<string, Entry>>): string[] {
  const isShipped = ([place, entry]: [string, Entry]) =>
    place.includes('node_modules/') && !entry.dev && !entry.devOptional && !entry.link;
  const nameOf = (place: string) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const entries = Object.entries(installed).filter(isShipped);
  return entries.map(([place, { name, version }]) => `${name ?? nameOf(place)}@${version}`);
}

/** The licence of each installed package; license-checker reads the texts where the field is missing. */
function installedLicences(): Record<string, { licenses: string | string[] }> {
  const checker = path.join(root, 'node_modules/license-checker-rseidelsohn/bin/license-checker-rseidelsohn.js');
  const text = execFileSync(process.execPath, [checker, '--json'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 512 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(text) as Record<string, { licenses: string | string[] }>;
}

/** An SPDX expression is fine when one side of each OR, and both of each AND, are. */
export function isAllowed(licence: string): boolean {
  const text = licence.replace(/^\((.*)\)$/, '$1');
  if (/ or /i.test(text)) return text.split(/ or /i).some(isAllowed);
  if (/ and /i.test(text)) return text.split(/ and /i).every(isAllowed);
  return ALLOWED.has(text);
}

function main(): number {
  const record = readFileSync(path.join(root, 'node_modules/.package-lock.json'), 'utf8');
  const shipped = shippedPackages((JSON.parse(record) as { packages: Record<string, Entry> }).packages);
  const licences = installedLicences();
  const refused = shipped.flatMap((id) => {
    const licence = [licences[id]?.licenses ?? 'unknown'].flat().join(' AND ');
    return isAllowed(licence) || id.replace(/@[^@]+$/, '') in EXCEPTIONS ? [] : [`${id}: ${licence}`];
  });
  if (shipped.length === 0) refused.push('npm has installed nothing');
  for (const line of refused) console.error(line);
  console.log(`${shipped.length} packages, ${refused.length} with a licence that is not allowed`);
  return refused.length > 0 ? 1 : 0;
}

if (import.meta.main) process.exit(main());
