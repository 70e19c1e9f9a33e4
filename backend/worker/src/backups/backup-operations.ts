import { backupDetailsSchema, backupHealthSchema, backupListSchema, type DatabaseBackups } from '@clearway/contracts';
import { z } from 'zod';
import { roleOf } from '../operations/access.ts';
import { jsonAnswer, problemAnswer, REFUSALS } from '../operations/documentation.ts';
import type { Operation } from '../operations/operation.ts';
import { sendProblem } from '../operations/problems.ts';
import type { BackupMonitor } from './backup-monitor.ts';
import { backupDetails, copiesById, databaseBackups, notLookedAt } from './backup-documents.ts';

const COMMON = { method: 'get', access: 'viewer', recorded: true } as const;

/** What is shown of backups: as the monitor last saw them. Neither a storage nor a database is asked. */
export function backupOperations(monitor: BackupMonitor, databases: () => readonly string[]): Operation[] {
  const list = (): DatabaseBackups[] => {
    const seen = new Map(monitor.standings().map((standing) => [standing.database, standing]));
    return databases().map((id) => {
      const standing = seen.get(id);
      return standing ? databaseBackups(standing) : notLookedAt(id);
    });
  };
  return [
    {
      ...COMMON,
      path: '/api/backups',
      documentation: {
        summary: 'The backups of all databases, and how they stand',
        description: 'From the last look at the storages, every five minutes and after each backup.',
        tags: ['backups'],
        responses: { '200': jsonAnswer('Backups and checks.', backupListSchema), ...REFUSALS },
      },
      handle: (_req, res) => void res.json({ databases: list() }),
    },
    detailsOperation(monitor),
    healthOperation(list),
  ];
}

function detailsOperation(monitor: BackupMonitor): Operation {
  return {
    ...COMMON,
    path: '/api/backups/{id}',
    documentation: {
      summary: 'One backup: its copies, what it holds, and how it was proven',
      tags: ['backups'],
      requestParams: { path: z.object({ id: z.string() }) },
      responses: {
        '200': jsonAnswer('The backup.', backupDetailsSchema),
        '404': problemAnswer('No backup has that id.'),
        ...REFUSALS,
      },
    },
    handle: (req, res) => {
      const { id } = req.params as { id: string };
      for (const standing of monitor.standings()) {
        const copies = copiesById(standing).get(id);
        if (copies) return void res.json(backupDetails(standing.database, copies, roleOf(res) === 'operator'));
      }
      const remedy = 'GET /api/backups lists them.';
      sendProblem(res, 'route_not_found', { title: 'There is no such backup', remedy });
    },
  };
}

function healthOperation(list: () => DatabaseBackups[]): Operation {
  return {
    ...COMMON,
    path: '/api/health/backups',
    recorded: false,
    documentation: {
      summary: 'How the backups of all databases stand',
      tags: ['health', 'backups'],
      responses: {
        '200': jsonAnswer('Healthy, or degraded: a check is a warning, or nothing is known yet.', backupHealthSchema),
        '503': jsonAnswer('Unhealthy: a check is critical.', backupHealthSchema),
        ...REFUSALS,
      },
    },
    handle: (_req, res) => {
      const databases = list().map(({ backups: _, ...standing }) => standing);
      const is = (status: DatabaseBackups['status']) => databases.some((each) => each.status === status);
      const status = is('critical') ? 'unhealthy' : is('warning') || is('skipped') ? 'degraded' : 'healthy';
      res.status(status === 'unhealthy' ? 503 : 200).json({ status, databases });
    },
  };
}
