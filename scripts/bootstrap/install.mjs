// Installs the dependencies when they are missing or no longer those of the lock file. Readable by Node 18.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Holds the hash of the lock file that was installed last. */
const STAMP = 'node_modules/.clearway-install';
const HINTS = [
  [
    /EAI_AGAIN|ENOTFOUND|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|network/i,
    'npm could not reach its registry. The first start needs the network; check the connection, the proxy\n(`npm config get proxy`) and the registry (`npm config get registry`), then run the command again.',
  ],
  [
    /EACCES|EPERM|EROFS/,
    'This user may not write here. Run it as the owner of the folder, or clone into a folder of your own.',
  ],
  [/ENOSPC/, 'The disk is full: the dependencies need about 1 GB.'],
  [/EUSAGE|lock file|package-lock/i, 'package.json and package-lock.json disagree: run `npm install` once.'],
];

/**
 * Whether `npm ci` has to run: nothing is installed, or something else than the lock file says. An install that was
 * made by hand counts, since npm notes what it installed.
 *
 * @param {string} root the folder of the clone
 */
export function needsInstall(root) {
  const hash = lockHash(root);
  if (readText(path.join(root, STAMP)).trim() === hash) return false;
  if (!isInstalled(root)) return true;
  writeFileSync(path.join(root, STAMP), `${hash}\n`);
  return false;
}

/** A hash of what the lock file asks for on this platform. @param {string} root */
export function lockHash(root) {
  const hash = createHash('sha256').update(readFileSync(path.join(root, 'package-lock.json')));
  return hash.update(`${process.platform}-${process.arch}`).digest('hex');
}

/** Whether node_modules holds what the lock file asks for, by npm's own record of it. @param {string} root */
function isInstalled(root) {
  const installed = packagesOf(path.join(root, 'node_modules/.package-lock.json'));
  const wanted = packagesOf(path.join(root, 'package-lock.json'));
  if (!installed || !wanted) return false;
  const same = (name) => wanted[name] && wanted[name].version === installed[name].version;
  const mayBeMissing = (name) => name === '' || wanted[name].optional || wanted[name].devOptional || wanted[name].link;
  const outside = (name) => !name.includes('node_modules/');
  return (
    Object.keys(installed).every((name) => outside(name) || same(name)) &&
    Object.keys(wanted).every((name) => outside(name) || mayBeMissing(name) || installed[name])
  );
}

/** @param {string} file */
function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/**
 * Installs what is missing, and says so. Two starts at once do not install twice.
 *
 * @param {string} root the folder of the clone
 * @param {(line: string) => void} say
 * @throws an Error with a message for people when npm fails
 */
export async function installMissing(root, say) {
  if (!needsInstall(root)) return;
  const release = await onlyInstaller(path.join(root, '.data'), say);
  try {
    if (needsInstall(root)) await install(root, say);
  } finally {
    release();
  }
}

/** @param {string} root @param {(line: string) => void} say */
async function install(root, say) {
  say('Installing the dependencies (npm ci): about a minute, on the first start only');
  const startMs = Date.now();
  const seconds = () => Math.round((Date.now() - startMs) / 1000);
  const ticker = setInterval(() => say(`  still installing (${seconds()} s)`), 10_000);
  try {
    const { code, output } = await npm(root, [
      'ci',
      '--include=optional',
      '--include=dev',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
    ]);
    if (code !== 0) throw new Error(installFailure(code, output));
  } finally {
    clearInterval(ticker);
  }
  writeFileSync(path.join(root, STAMP), `${lockHash(root)}\n`);
  say(`Installed in ${seconds()} s`);
}

/** What to tell people when npm failed. @param {number} code @param {string} output what npm said */
export function installFailure(code, output) {
  const last = output.trim().split('\n').slice(-12).join('\n');
  const hint = HINTS.find(([pattern]) => pattern.test(output));
  return `npm ci failed (exit ${code}):\n${last}\n\n${hint ? hint[1] : 'Run `npm ci` by hand to see all of it.'}`;
}

/**
 * Runs npm: the one that started us, else the one on PATH.
 *
 * @param {string} root @param {string[]} args
 * @returns {Promise<{ code: number, output: string }>}
 */
function npm(root, args) {
  const own = process.env.npm_execpath || '';
  const byNode = /npm-cli\.c?js$/.test(own);
  const windows = process.platform === 'win32';
  const child = byNode
    ? spawn(process.execPath, [own, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    : spawn(windows ? 'npm.cmd' : 'npm', args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], shell: windows });
  const stop = () => child.kill('SIGTERM');
  process.once('SIGTERM', stop).once('SIGINT', stop);
  return new Promise((resolve) => {
    let output = '';
    const keep = (chunk) => (output = (output + chunk).slice(-20_000));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => resolve({ code: 127, output: `npm could not be started: ${error.message}` }));
    child.on('close', (code, signal) => {
      process.off('SIGTERM', stop).off('SIGINT', stop);
      if (signal || code === null) process.exit(130);
      resolve({ code, output });
    });
  });
}

/**
 * Waits until no other process installs here.
 *
 * @param {string} folder where the lock stands @param {(line: string) => void} say
 * @returns {Promise<() => void>} the release
 */
async function onlyInstaller(folder, say) {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'install.lock');
  for (let told = false; ; await new Promise((resolve) => setTimeout(resolve, 500))) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = Number(readText(file));
    if (holder && !isAlive(holder)) rmSync(file, { force: true });
    else if (!told) say(`Process ${holder} is installing the dependencies: waiting for it`);
    told = true;
  }
  const release = () => rmSync(file, { force: true });
  process.once('exit', release);
  return release;
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** @param {string} file */
function readText(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
