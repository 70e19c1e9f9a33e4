import { failureFacts, PROBLEM_MEDIA_TYPE, problemDocument, type FailureReason } from '@clearway/kernel';
import { ownHeaders } from '@clearway/gateway';
import { newSpanId, newTraceId, RequestRecord, type Recorder } from '@clearway/telemetry';
import { STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

const BY_CODE: Readonly<Record<string, FailureReason>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'client_timeout',
};

/**
 * Answers what Node's parser refuses before it becomes a request, and records it like any other: otherwise nobody
 * would ever see it.
 */
export function answerMalformedRequests(
  server: Server,
  options: { recorder: Recorder; onOpen: (record: RequestRecord) => void },
): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // an answer that is under way belongs to its request, which sees the connection close
    const hasRequest = (socket as { _httpMessage?: unknown })._httpMessage != null;
    if (hasRequest || error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    const record = recordOf(socket as Socket);
    options.onOpen(record);
    record.fail(BY_CODE[error.code ?? ''] ?? 'request_invalid', error.message);
    const answer = renderAnswer(record);
    socket.end(answer, () => options.recorder.emit(record));
    socket.once('close', () => options.recorder.emit(record));
  });
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
    clientAddress: socket.remoteAddress ?? '',
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
  const own = ownHeaders(record);
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
