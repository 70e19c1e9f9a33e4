import { PROBLEM_MEDIA_TYPE, problemDocument, type Failure } from '@clearway/kernel';
import { newSpanId, newTraceId, RequestRecord, type Recorder } from '@clearway/telemetry';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { ownHeaders } from '../proxy/response-headers.ts';
import { endSlowly } from './linger.ts';
import { plainAddress } from './networks.ts';

/**
 * Answers what Node's parser refuses before it becomes a request, and records it like any other: otherwise nobody would
 * ever see it.
 */
export function answerMalformed(
  socket: Socket,
  failure: Failure,
  { recorder, onOpen }: { recorder: Recorder; onOpen: (record: RequestRecord, target: string) => void },
): void {
  const record = recordOf(socket);
  onOpen(record, '');
  record.fail(failure.reason, failure.message);
  endSlowly(socket, renderAnswer(record, failure));
  const emit = (): void => recorder.emit(record);
  socket.once('finish', emit);
  socket.once('close', emit);
}

function recordOf(socket: Socket): RequestRecord {
  const traceId = newTraceId();
  return new RequestRecord({
    traceId,
    spanId: newSpanId(),
    parentSpanId: undefined,
    traceState: undefined,
    requestId: traceId,
    method: '_OTHER',
    scheme: 'http',
    host: '',
    httpVersion: '1.1',
    clientAddress: plainAddress(socket.remoteAddress),
    userAgent: undefined,
  });
}

function renderAnswer(record: RequestRecord, { reason, status, detail }: Failure): string {
  const { traceId, requestId } = record;
  const body = JSON.stringify(problemDocument(reason, { traceId, requestId, detail, status }));
  record.status = status;
  record.answeredMs = record.elapsedMs();
  record.bytesOut = Buffer.byteLength(body);
  // nobody is known to be trusted before there is a request
  const own = ownHeaders(record, false);
  const lines = own.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${own[i + 1] ?? ''}`] : []));
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${record.bytesOut}`,
    'Connection: close',
    ...lines,
    '',
    body,
  ].join('\r\n');
}
