import { describe, expect, test } from '@jest/globals';
import { backupsSchema } from '@clearway/contracts';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';

const root = path.dirname(import.meta.dirname);
const folder = path.join(root, 'examples/backup-schedules');
const read = (name: string): string => readFileSync(path.join(folder, name), 'utf8');
const isSchedule = (schedule: string): boolean => backupsSchema.safeParse([{ database: 'clearway', schedule }]).success;
const WORK = ['create', 'prove', 'drill', 'prune'];

/** Sections and keys of a unit of systemd. */
function unit(name: string): Record<string, Record<string, string>> {
  const sections: Record<string, Record<string, string>> = {};
  let section = '';
  for (const line of read(name)
    .split('\n')
    .filter((each) => each !== '' && !each.startsWith('#'))) {
    const heading = /^\[(\w+)\]$/.exec(line)?.[1];
    if (heading !== undefined) sections[(section = heading)] = {};
    else {
      const [, key, value] = /^(\w+)=(.+)$/.exec(line) ?? [];
      if (key === undefined) throw new Error(`${name}: ${line}`);
      (sections[section] ??= {})[key] = value ?? '';
    }
  }
  return sections;
}

/** What the command line calls its commands on backups. */
function backupCommands(): string {
  const program = path.join(root, 'backend/cli/bin/clearway.js');
  return execFileSync(process.execPath, [program, 'backup', '--help'], { cwd: root, encoding: 'utf8' });
}

describe('the examples of schedules', () => {
  test('for cron have times that exist and commands that exist', () => {
    const lines = read('clearway-backup.cron')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines.length).toBeGreaterThanOrEqual(5);
    const commands = lines.map((line) => {
      const [, schedule = '', command = ''] = /^((?:\S+ ){5})(.+)$/.exec(line) ?? [];
      expect([line, isSchedule(schedule.trim())]).toEqual([line, true]);
      return /clearway\.js (.+)$/.exec(command)?.[1] ?? '';
    });
    expect(commands).toEqual([...WORK.map((work) => `backup run ${work}`), 'backup monitor --notify']);
    const known = backupCommands();
    for (const name of ['run', 'monitor']) expect(known).toMatch(new RegExp(`^ +${name} `, 'm'));
  });

  test('for systemd have the sections that a timer and its service need', () => {
    const service = unit('clearway-backup.service');
    expect(service['Service']).toMatchObject({ Type: 'oneshot', UMask: '0077', NoNewPrivileges: 'yes' });
    expect(service['Service']?.['ExecStart']).toMatch(/clearway\.js backup run create$/);
    const timer = unit('clearway-backup.timer');
    expect(timer['Timer']).toMatchObject({ OnCalendar: '*-*-* 02:00:00 UTC', Persistent: 'true' });
    expect(timer['Install']).toEqual({ WantedBy: 'timers.target' });
  });

  test('for systemd are taken by systemd itself, where there is one', () => {
    if (spawnSync('systemd-analyze', ['--version']).status !== 0) return;
    const units = mkdtempSync(path.join(tmpdir(), 'clearway-units-'));
    try {
      cpSync(folder, units, { recursive: true });
      const files = ['clearway-backup.service', 'clearway-backup.timer'].map((name) => path.join(units, name));
      execFileSync('systemd-analyze', ['verify', '--recursive-errors=no', ...files], { stdio: 'pipe' });
    } finally {
      rmSync(units, { recursive: true, force: true });
    }
  });

  test('for GitHub name times, need no rights, and pass the secret by no argument', () => {
    const workflow = parse(read('github-actions.yml')) as {
      on: { schedule: { cron: string }[]; workflow_dispatch: { inputs: { work: { options: string[] } } } };
      permissions: object;
      jobs: Record<string, { 'timeout-minutes': number; steps: { run: string; env: Record<string, string> }[] }>;
    };
    expect(workflow.on.schedule.map(({ cron }) => isSchedule(cron))).toEqual([true, true]);
    expect(workflow.on.workflow_dispatch.inputs.work.options).toEqual(WORK);
    expect(workflow.permissions).toEqual({});
    const { steps, 'timeout-minutes': minutes } = workflow.jobs['ask'] ?? { steps: [], 'timeout-minutes': 0 };
    expect(minutes).toBeGreaterThan(0);
    const [{ run, env } = { run: '', env: {} }] = steps;
    expect(run).not.toContain('${{');
    expect(run).toMatch(/--header @-/);
    expect(env['CRON_SECRET']).toBe('${{ secrets.CRON_SECRET }}');
    expect(env['WORK']).toContain(`github.event.schedule == '${workflow.on.schedule[1]?.cron}'`);
    const shell = spawnSync('bash', ['-n'], { input: run });
    expect(shell.stderr.toString()).toBe('');
  });

  test('for Vercel ask at times that exist for paths of its project, which lead to the worker', () => {
    const { crons, rewrites } = JSON.parse(read('vercel.json')) as {
      crons: { path: string; schedule: string }[];
      rewrites: { source: string; destination: string }[];
    };
    expect(crons.every(({ schedule }) => isSchedule(schedule))).toBe(true);
    const asked = crons.map(({ path: at }) => rewrites.find(({ source }) => source === at)?.destination ?? '');
    expect(asked.map((address) => new URL(address).pathname)).toEqual(['/api/cron/backup', '/api/cron/backup']);
    expect(asked.map((address) => new URL(address).searchParams.get('work'))).toEqual([null, 'prove']);
  });
});
