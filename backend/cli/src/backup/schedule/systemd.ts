import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import type { CliContext } from '../../context.ts';
import { onCalendar } from './on-calendar.ts';
import { installationName, type Installation, type PlannedRun } from './plan.ts';
import { runProgram } from './program.ts';
import type { Scheduler, ShownPart } from './scheduler.ts';

const WRITTEN_BY = '# Written by clearway backup schedule install';

/** Whether timers are those of the machine. */
export const isRoot = (): boolean => userInfo().uid === 0;

/**
 * The schedule as timers of systemd: those of the machine for root, of the account for others.
 *
 * @param units where units are written; systemd is told only when this is left out
 */
export function systemdScheduler(context: CliContext, installation: Installation, units?: string): Scheduler {
  const prefix = `${installationName(installation)}.`;
  const home = context.variables['XDG_CONFIG_HOME'] ?? path.join(context.variables['HOME'] ?? '~', '.config');
  const folder = units ?? (isRoot() ? '/etc/systemd/system' : path.join(home, 'systemd/user'));
  const systemctl = async (...args: string[]): Promise<void> => {
    if (units !== undefined) return;
    const { code, error } = await runProgram(context, 'systemctl', [...(isRoot() ? [] : ['--user']), ...args]);
    if (code !== 0) throw new Error(`systemctl ${args[0]} failed: ${error.trim()}`);
  };
  const wanted = (runs: readonly PlannedRun[]): ShownPart[] =>
    runs.flatMap((run) => {
      const file = path.join(folder, `${prefix}${run.name}`);
      return [
        { place: `${file}.service`, text: serviceOf(run, installation) },
        { place: `${file}.timer`, text: timerOf(run) },
      ];
    });
  const existing = async (): Promise<Map<string, string>> => {
    const names = (await readdir(folder).catch((): string[] => [])).filter((name) => name.startsWith(prefix));
    const files = names.map((name) => path.join(folder, name));
    const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
    return new Map(files.flatMap((file, i) => (texts[i]?.startsWith(WRITTEN_BY) ? [[file, texts[i]] as const] : [])));
  };
  const isSame = (parts: readonly ShownPart[], there: ReadonlyMap<string, string>): boolean =>
    parts.length === there.size && parts.every(({ place, text }) => there.get(place) === text);
  const timersOf = (files: Iterable<string>): string[] =>
    [...files].filter((file) => file.endsWith('.timer')).map((file) => path.basename(file));
  const removeFiles = async (files: readonly string[]): Promise<void> => {
    const timers = timersOf(files);
    if (timers.length > 0) await systemctl('disable', '--now', ...timers);
    for (const file of files) await rm(file, { force: true });
  };
  return {
    kind: 'systemd',
    show: wanted,
    async install(runs) {
      const parts = wanted(runs);
      const there = await existing();
      const isThere = isSame(parts, there);
      if (!isThere) {
        const places = new Set(parts.map(({ place }) => place));
        await removeFiles([...there.keys()].filter((file) => !places.has(file)));
        const { makeDirectory } = await import('@clearway/backups');
        await makeDirectory(folder, 0o755);
        for (const { place, text } of parts) await writeFile(place, text, { mode: 0o644 });
        await systemctl('daemon-reload');
      }
      // one that somebody stopped is started again
      await systemctl('enable', '--now', ...timersOf(parts.map(({ place }) => place)));
      return !isThere;
    },
    async remove() {
      const files = [...(await existing()).keys()];
      if (files.length === 0) return false;
      await removeFiles(files);
      await systemctl('daemon-reload');
      return true;
    },
    async status(runs) {
      const there = await existing();
      if (there.size === 0) return 'absent';
      return isSame(wanted(runs), there) ? 'installed' : 'outdated';
    },
  };
}

function serviceOf({ description, command }: PlannedRun, { directory }: Installation): string {
  return [
    WRITTEN_BY,
    '[Unit]',
    `Description=${description}`,
    'After=network-online.target',
    'Wants=network-online.target',
    '',
    '[Service]',
    'Type=oneshot',
    `WorkingDirectory=${directory.replaceAll('%', '%%')}`,
    `ExecStart=${command.map(quote).join(' ')}`,
    'Nice=10',
    'IOSchedulingClass=idle',
    'UMask=0077',
    'NoNewPrivileges=yes',
    'PrivateTmp=yes',
    '',
  ].join('\n');
}

function timerOf({ description, cron }: PlannedRun): string {
  return [
    WRITTEN_BY,
    '[Unit]',
    `Description=${description}, by the clock`,
    '',
    '[Timer]',
    ...onCalendar(cron).map((calendar) => `OnCalendar=${calendar}`),
    'Persistent=true',
    'RandomizedDelaySec=60',
    '',
    '[Install]',
    'WantedBy=timers.target',
    '',
  ].join('\n');
}

/** systemd reads % and $ in commands. */
function quote(text: string): string {
  const escaped = text.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w./:=@%$-]+$/.test(escaped) ? escaped : `"${escaped.replaceAll(/["\\]/g, '\\$&')}"`;
}
