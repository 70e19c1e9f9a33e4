import { failureFacts, PROBLEM_MEDIA_TYPE, problemDocument } from '@clearway/kernel';
import { clientFaultOf, ownHeaders, plainAddress } from '@clearway/gateway';
import { newSpanId, newTraceId, RequestRecord, type Recorder } from '@clearway/telemetry';
import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';

/** For the client to take the answer and close; then the connection is closed all the same. */
const LINGER_MS = 1000;

/**
 * Answers what Node's parser refuses before it becomes a request, and records it like any other: otherwise nobody
 * would ever see it.
 */
export function answerMalformedRequests(
  server: Server,
  options: { recorder: Recorder; onOpen: (record: RequestRecord, target: string) => void },
): void {
  server.on('clientError', (error: Error, duplex) => {
    const socket = duplex as Socket;
    const reason = clientFaultOf(error);
    // a browser opens connections in advance: one that never sent anything was no request
    const isRequest = reason !== 'client_abort' && socket.bytesRead > 0;
    // with the error the request that is under way learns why its connection is closed
    if (!isRequest || isServing(socket) || !socket.writable) return void socket.destroy(error);
    const record = recordOf(socket);
    options.onOpen(record, '');
    record.fail(reason, error.message);
    const emit = (): void => options.recorder.emit(record);
    socket.end(renderAnswer(record), emit);
    const linger = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => {
      clearTimeout(linger);
      emit();
    });
  });
}

/** Whether a request is under way on a connection: not answered yet, or answered before all of it came. */
function isServing(socket: Socket): boolean {
  const { _httpMessage: answer, parser } = socket as {
    _httpMessage?: unknown;
    parser?: { incoming?: IncomingMessage | null } | null;
  };
  return answer != null || parser?.incoming?.complete === false;
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

function renderAnswer(record: RequestRecord): string {
  const reason = record.reason ?? 'request_invalid';
  const { status } = failureFacts(reason);
  const { traceId, requestId } = record;
  const detail = 'The request does not follow HTTP/1.1.';
  const facts = { traceId, requestId, ...(reason === 'request_invalid' && { detail }) };
  const body = JSON.stringify(problemDocument(reason, facts));
  record.status = status;
  record.answeredMs = record.elapsedMs();
  record.bytesOut = Buffer.byteLength(body);
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
