import { logsDataSchema, tracesDataSchema } from '@clearway/contracts';
import { z, type ZodType } from 'zod';
import { jsonAnswer, problemAnswer, REFUSALS } from '../operations/documentation.ts';
import type { Operation } from '../operations/operation.ts';
import type { Receiver } from './receiver.ts';

/** `/v1/traces` and `/v1/logs`: OTLP over HTTP. Never recorded: what it receives would otherwise give new spans. */
export function ingestOperations(receiver: Receiver): Operation[] {
  return [
    ingest('/v1/traces', 'Spans, as OTLP over HTTP', tracesDataSchema, 'rejectedSpans', receiver.spans),
    ingest('/v1/logs', 'Log records, as OTLP over HTTP', logsDataSchema, 'rejectedLogRecords', receiver.logs),
  ];
}

function ingest(
  path: string,
  summary: string,
  schema: ZodType,
  rejected: string,
  handle: Receiver['spans'],
): Operation {
  const partialSuccess = z.object({ [rejected]: z.string(), errorMessage: z.string() }).optional();
  return {
    method: 'post',
    path,
    access: 'sender',
    recorded: false,
    documentation: {
      summary,
      description: 'Protobuf or JSON, plain or gzip; at most 4 MiB on the wire and 16 MiB decompressed.',
      tags: ['ingest'],
      requestBody: {
        required: true,
        content: {
          'application/x-protobuf': { schema: { type: 'string', format: 'binary' } },
          'application/json': { schema },
        },
      },
      responses: {
        '200': jsonAnswer('Taken; partialSuccess says when some of it was not.', z.object({ partialSuccess })),
        '400': problemAnswer('Not OTLP. To protobuf, google.rpc.Status is the answer.'),
        '413': problemAnswer('Too large.'),
        '415': problemAnswer('Neither protobuf nor JSON.'),
        '429': problemAnswer('Too much at once: send it again after Retry-After seconds.'),
        ...REFUSALS,
      },
    },
    handle,
  };
}
