import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, release, totalmem } from 'node:os';
import path from 'node:path';

/** Where a run was made: without it no figure can be compared. */
export function describeMachine() {
  return {
    cpuModel: cpus()[0]?.model ?? 'unknown',
    cpus: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    loadAverage: loadavg(),
  };
}

const PACKAGES = ['undici', 'express', 'http-proxy-middleware', 'fastify', '@fastify/http-proxy'];

/** Versions of what was measured. */
export function describeVersions(root: string) {
  const packages = Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)]));
  return { node: process.version, packages, clearway: git(root, ['describe', '--always', '--dirty']) };
}

/** The version of a package as this folder resolves it: some export no package.json, so the folders are searched. */
function versionOf(name: string): string {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  for (const folder of folders) {
    try {
      const manifest = JSON.parse(readFileSync(path.join(folder, name, 'package.json'), 'utf8')) as { version: string };
      return manifest.version;
    } catch {
      // not in this folder
    }
  }
  return 'unknown';
}

function git(root: string, args: readonly string[]): string {
  try {
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}
