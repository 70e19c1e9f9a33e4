import type { FailureReason } from '@clearway/kernel';
import type { Request, Response } from 'express';
import { sendProblem } from '../operations/problems.ts';
import { jsonSuccess, protobufStatus, protobufSuccess, type PartialSuccess } from './otlp/answers.ts';
import { DecodeError, DeliveryTooLargeError } from './otlp/bounds.ts';
import { decodeJsonLogs, decodeJsonSpans } from './otlp/decode-json.ts';
import { decodeLogs, decodeSpans } from './otlp/decode-protobuf.ts';
import type { LogsDelivery, SpansDelivery } from './otlp/delivery.ts';
import { MalformedBodyError, receiveBody } from './receive-body.ts';
import type { TraceStore } from './store/trace-store.ts';

/** What is sent. */
export type Signal = 'spans' | 'logs';

/** Hears what became of each delivery. */
export interface DeliveryListener {
  /** `items` were read, of which `rejected` were refused and `ignored` belong to no trace. */
  taken(signal: Signal, figures: { items: number; rejected: number; ignored: number }): void;
  /** The whole delivery was refused with this status. */
  refused(signal: Signal, status: number): void;
}

/** Where deliveries come in. */
export interface Receiver {
  readonly spans: (req: Request, res: Response) => Promise<void>;
  readonly logs: (req: Request, res: Response) => Promise<void>;
}

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';

/** So many are read at once: each may hold its body and what was decompressed. */
const MAX_DELIVERIES = 16;
const RETRY_AFTER_SECONDS = '1';

/** Why a delivery is refused. Codes are those of google.rpc.Code. */
const REFUSALS = {
  malformed: { reason: 'request_invalid', status: 400, code: 3 },
  mediaType: { reason: 'request_invalid', status: 415, code: 3 },
  tooLarge: { reason: 'body_too_large', status: 413, code: 8 },
  busy: { reason: 'rate_limited', status: 429, code: 8 },
} as const satisfies Record<string, { reason: FailureReason; status: number; code: number }>;

/**
 * Receives OTLP over HTTP: protobuf and JSON, plain and gzip. What it cannot keep is answered as a partial success, what
 * it cannot take now with 429, which makes the sender try again.
 *
 * Source: OTLP 1.7, "OTLP/HTTP".
 */
export function createReceiver(store: TraceStore, listener: DeliveryListener): Receiver {
  const spans = (delivery: SpansDelivery) => {
    const refused = store.acceptSpans(delivery);
    const items = delivery.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans).map(({ spans }) => spans.length);
    return { items: sum(items) + delivery.invalid, rejected: refused + delivery.invalid, ignored: 0 };
  };
  const logs = (delivery: LogsDelivery) => {
    const rejected = store.acceptLogs(delivery);
    const items = delivery.resourceLogs.flatMap(({ scopeLogs }) => scopeLogs).map((scoped) => scoped.logRecords.length);
    return { items: sum(items) + delivery.withoutTrace, rejected, ignored: delivery.withoutTrace };
  };
  let underWay = 0;
  const receive =
    (signal: Signal, take: (body: Buffer, isJson: boolean) => Figures) =>
    async (req: Request, res: Response): Promise<void> => {
      const refuse = (refusal: keyof typeof REFUSALS, message: string): void => {
        listener.refused(signal, REFUSALS[refusal].status);
        answerRefusal(req, res, refusal, message);
      };
      if (!isReadable(req)) return refuse('mediaType', `send ${PROTOBUF} or ${JSON_TYPE}, plain or gzip`);
      if (underWay >= MAX_DELIVERIES || store.isFull) return refuse('busy', 'too much is waiting to be stored');
      underWay++;
      try {
        const figures = take(await receiveBody(req), isJson(req));
        listener.taken(signal, figures);
        answerSuccess(req, res, signal, figures);
      } catch (error) {
        // the sender is gone
        if (req.destroyed && !req.complete) return;
        refuse(refusalOf(error), (error as Error).message);
      } finally {
        underWay--;
      }
    };
  return {
    spans: receive('spans', (body, json) => spans(json ? decodeJsonSpans(body) : decodeSpans(body))),
    logs: receive('logs', (body, json) => logs(json ? decodeJsonLogs(body) : decodeLogs(body))),
  };
}

interface Figures {
  readonly items: number;
  readonly rejected: number;
  readonly ignored: number;
}

/** Throws again what is no refusal. */
function refusalOf(error: unknown): keyof typeof REFUSALS {
  if (error instanceof DeliveryTooLargeError) return 'tooLarge';
  if (error instanceof DecodeError || error instanceof MalformedBodyError) return 'malformed';
  throw error;
}

function isReadable(req: Request): boolean {
  const encoding = req.headers['content-encoding'] ?? 'identity';
  return [PROTOBUF, JSON_TYPE].includes(mediaType(req)) && ['identity', 'gzip'].includes(encoding);
}

function isJson(req: Request): boolean {
  return mediaType(req) === JSON_TYPE;
}

function mediaType(req: Request): string {
  return (req.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function answerSuccess(req: Request, res: Response, signal: Signal, { rejected }: Figures): void {
  const partial: PartialSuccess | undefined =
    rejected > 0
      ? { rejected, message: `${rejected} ${signal} were not stored: invalid, too large or too many` }
      : undefined;
  if (isJson(req)) res.json(jsonSuccess(signal, partial));
  else res.set('content-type', PROTOBUF).end(protobufSuccess(partial));
}

function answerRefusal(req: Request, res: Response, refusal: keyof typeof REFUSALS, message: string): void {
  const { reason, status, code } = REFUSALS[refusal];
  if (refusal === 'busy') res.set('retry-after', RETRY_AFTER_SECONDS);
  // the rest of the body is not read
  if (!req.complete) res.set('connection', 'close');
  if (mediaType(req) === PROTOBUF) {
    res.status(status).set('content-type', PROTOBUF).end(protobufStatus(code, message));
  } else sendProblem(res, reason, { status, detail: message });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
