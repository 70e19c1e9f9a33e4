import { z } from 'zod';
import { maybe, rows, viewSchema } from './view.ts';

const n = () => z.number();
const text = () => z.string();

const callerShape = {
  application: maybe(text()),
  route: maybe(text()).meta({ description: 'From the comment of its query.' }),
  traceId: maybe(text()).meta({ description: 'From the comment of its query.' }),
};

/** How many connections are in use, by whom and for what. */
export const databaseConnectionsSchema = viewSchema(
  'DatabaseConnections',
  z
    .object({
      usage: maybe(
        z
          .object({
            total: n(),
            usable: n().meta({ description: 'That applications may open.' }),
            maxConnections: n(),
            reserved: n(),
            usedPercent: n(),
            databaseConnections: n(),
            databaseLimit: maybe(n()),
            hidden: n().meta({ description: 'Sessions whose details the role may not see.' }),
          })
          .readonly(),
      ),
      states: maybe(
        z
          .object({
            active: n(),
            idle: n(),
            idleInTransaction: n(),
            waitingForLock: n(),
            hidden: n(),
            longestQuerySeconds: maybe(n()),
            longestTransactionSeconds: maybe(n()),
            longestIdleInTransactionSeconds: maybe(n()),
          })
          .readonly(),
      ),
      breakdown: rows({
        databaseName: maybe(text()),
        roleName: maybe(text()),
        application: maybe(text()),
        state: maybe(text()),
        connections: n(),
        oldestStateSeconds: maybe(n()),
        visible: z.boolean(),
      }),
      longRunning: rows({
        pid: n(),
        databaseName: maybe(text()),
        roleName: maybe(text()),
        ...callerShape,
        client: maybe(text()),
        state: maybe(text()),
        waitEventType: maybe(text()),
        waitEvent: maybe(text()),
        querySeconds: maybe(n()),
        transactionSeconds: maybe(n()),
        stateSeconds: maybe(n()),
        queryId: maybe(text()),
        query: maybe(text()).meta({ description: 'Without its values.' }),
        visible: z.boolean(),
      }),
      recommendation: text(),
    })
    .readonly(),
);

/** A session that blocks others, or waits. */
export interface BlockerNode {
  readonly pid: number;
  readonly databaseName: string | null;
  readonly roleName: string | null;
  readonly application: string | null;
  readonly client: string | null;
  readonly state: string | null;
  readonly route: string | null;
  readonly traceId: string | null;
  readonly query: string | null;
  readonly queryId: string | null;
  readonly waitSeconds: number | null;
  readonly transactionSeconds: number | null;
  readonly stateSeconds: number | null;
  readonly lockType: string | null;
  readonly lockMode: string | null;
  readonly relationName: string | null;
  readonly visible: boolean;
  readonly blocks: readonly BlockerNode[];
}

const blockerNodeSchema: z.ZodType<BlockerNode> = z
  .object({
    pid: n().meta({ description: '0 stands for a prepared transaction.' }),
    databaseName: maybe(text()),
    roleName: maybe(text()),
    ...callerShape,
    client: maybe(text()),
    state: maybe(text()),
    query: maybe(text()).meta({ description: 'Without its values.' }),
    queryId: maybe(text()),
    waitSeconds: maybe(n()),
    transactionSeconds: maybe(n()),
    stateSeconds: maybe(n()),
    lockType: maybe(text()),
    lockMode: maybe(text()),
    relationName: maybe(text()),
    visible: z.boolean(),
    get blocks() {
      return z.array(blockerNodeSchema).readonly();
    },
  })
  .readonly()
  .meta({ id: 'BlockerNode' });

/** Who waits for whom, and which relations are locked. */
export const databaseLocksSchema = viewSchema(
  'DatabaseLocks',
  z
    .object({
      waiting: n().meta({ description: 'Sessions that wait for a lock.' }),
      longestWaitSeconds: maybe(n()),
      blockers: z
        .array(blockerNodeSchema)
        .readonly()
        .meta({ description: 'Sessions that wait for nobody, and whom they block.' }),
      deadlocksPerMinute: maybe(n()),
      relations: rows({
        relationName: text(),
        mode: text(),
        granted: n(),
        waiting: n(),
        longestWaitSeconds: maybe(n()),
      }),
    })
    .readonly(),
);

export type DatabaseConnections = z.output<typeof databaseConnectionsSchema>;
export type DatabaseLocks = z.output<typeof databaseLocksSchema>;
