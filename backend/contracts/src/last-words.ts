import { z } from 'zod';
import { failureReasonSchema } from './problem.ts';
import { traceIdSchema } from './identifiers.ts';

/** Why a process ended, as far as what it left behind can tell. */
export const processEndSchema = z
  .enum(['in_order', 'exited', 'blocked', 'heap_exhausted', 'memory_exhausted', 'machine_restarted', 'killed'])
  .meta({
    id: 'ProcessEnd',
    description:
      '`in_order`: told to end. `exited`: ended itself because of an error. `blocked`: killed while its event loop stood still. ' +
      '`heap_exhausted`: ended by V8, whose heap was full. `memory_exhausted`: killed near its memory limit. ' +
      '`machine_restarted`: ended with the machine. `killed`: ended from outside, or crashed in native code.',
  });

/** One call on a stack, innermost first. */
export const stackFrameSchema = z
  .object({
    function: z.string(),
    file: z.string().meta({ description: 'Path, or `<anonymous>` for what is built into the engine.' }),
    line: z.int().min(0).meta({ description: '0 where there is none.' }),
    column: z.int().min(0),
  })
  .readonly()
  .meta({ id: 'StackFrame' });

/** A request that a process was serving, or had served, when it ended. What was not known yet is absent. */
export const lastRequestSchema = z
  .object({
    traceId: traceIdSchema,
    id: z.string().meta({ description: 'Request id: the header X-Request-Id of the answer.' }),
    time: z.iso.datetime().meta({ description: 'When the request arrived.' }),
    method: z.string(),
    path: z.string().meta({ description: 'Path as it was asked for, without the query.' }),
    client: z.string().exactOptional().meta({ description: 'Address of the client; for operators only.' }),
    route: z.string().exactOptional(),
    upstream: z.string().exactOptional(),
    target: z.string().exactOptional().meta({ description: 'Of the last attempt; for operators only.' }),
    kind: z.string().exactOptional().meta({ description: '`exchange`, `stream` or `upgrade`.' }),
    phase: z.string().exactOptional().meta({ description: 'How far an open request had come.' }),
    status: z.int().min(0).exactOptional(),
    reason: failureReasonSchema.exactOptional(),
    cause: z.string().exactOptional().meta({ description: 'For operators only.' }),
    attempts: z.int().min(0).exactOptional(),
    durationMs: z.number().min(0).meta({ description: 'Of an open request until the process was last seen.' }),
    upstreamMs: z.number().min(0).exactOptional(),
    bytesIn: z.number().min(0).exactOptional(),
    bytesOut: z.number().min(0).exactOptional(),
  })
  .readonly()
  .meta({ id: 'LastRequest' });

/** What a gateway process left behind. */
export const lastWordsSchema = z
  .object({
    pid: z.int(),
    version: z.string(),
    node: z.string(),
    startedAt: z.iso.datetime(),
    lastSeenAt: z.iso.datetime(),
    uptimeSeconds: z.number().min(0),
    end: processEndSchema,
    isCertain: z.boolean().meta({ description: 'Whether the end is known, or what the signs speak for.' }),
    explanation: z.string().meta({ description: 'The end in a sentence, with the figures that speak for it.' }),
    cause: z.string().exactOptional().meta({ description: 'What made it end, such as SIGTERM.' }),
    exitCode: z.int().exactOptional(),
    error: z.string().exactOptional().meta({ description: 'The error that ended it; for operators only.' }),
    blocked: z
      .object({
        at: z.iso.datetime().meta({ description: 'Since when the event loop stood still.' }),
        forMs: z.number().min(0),
        isLast: z.boolean().meta({ description: 'Whether it stood still to the end.' }),
        stack: z.array(stackFrameSchema).readonly().meta({ description: 'Empty unless asked by an operator.' }),
      })
      .readonly()
      .exactOptional()
      .meta({ description: 'The last time that the event loop was blocked.' }),
    memory: z
      .object({
        heapUsedBytes: z.number().min(0),
        heapLimitBytes: z.number().min(0),
        externalBytes: z.number().min(0),
        residentBytes: z.number().min(0),
        limitBytes: z.number().min(0).exactOptional().meta({ description: 'What the system let the process have.' }),
      })
      .readonly(),
    requests: z.object({ total: z.int().min(0), open: z.int().min(0) }).readonly(),
    open: z.array(lastRequestSchema).readonly().meta({ description: 'Requests being served, the oldest first.' }),
    records: z.array(lastRequestSchema).readonly().meta({ description: 'Requests served last, newest first.' }),
  })
  .readonly()
  .meta({ id: 'LastWords' });

/** The answer of the gateway's `GET /api/gateway/last-words`, newest process first. */
export const lastWordsListSchema = z
  .object({ processes: z.array(lastWordsSchema).readonly() })
  .readonly()
  .meta({ id: 'LastWordsList' });

export type ProcessEnd = z.output<typeof processEndSchema>;
export type LastRequest = z.output<typeof lastRequestSchema>;
export type LastWords = z.output<typeof lastWordsSchema>;
export type LastWordsList = z.output<typeof lastWordsListSchema>;
