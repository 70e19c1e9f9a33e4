import { Failure } from '@clearway/kernel';
import type { AttemptRecord } from '@clearway/telemetry';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Exchange } from '../../pipeline/exchange.ts';
import { clientHeaders, fieldOf } from '../response-headers.ts';
import { Tunnel } from './tunnel.ts';

/** An upstream's consent to another protocol. */
export interface SwitchedUpstream {
  readonly answer: IncomingMessage;
  readonly socket: Socket;
  readonly head: Buffer;
}

/**
 * Passes `101 Switching Protocols` on and leads the bytes both ways from then on.
 *
 * Source: RFC 9110, 7.8 and 15.2.2.
 *
 * @throws Failure `upstream_protocol` when the upstream went to a protocol that nobody asked for
 */
export function switchProtocols(
  exchange: Exchange,
  attempt: AttemptRecord,
  { answer, socket, head }: SwitchedUpstream,
  options: { idleMs: number; onEnd: () => void },
): Tunnel {
  const { req, record, runtime, trust } = exchange;
  const { protocol = '', early } = exchange.upgrade ?? {};
  const agreed = fieldOf(answer.rawHeaders, 'upgrade');
  if (agreed?.toLowerCase() !== protocol) {
    const message = `the upstream went to ${JSON.stringify(agreed ?? 'no protocol')}, asked for ${protocol}`;
    throw new Failure('upstream_protocol', { message });
  }
  record.kind = 'upgrade';
  record.status = 101;
  record.answeredMs = record.elapsedMs();
  attempt.status = 101;
  attempt.headersMs = record.answeredMs;
  const fields = [
    'Connection',
    'Upgrade',
    'Upgrade',
    agreed,
    ...clientHeaders(answer.rawHeaders, record, trust.timing),
  ];
  const lines = fields.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${fields[i + 1] ?? ''}`] : []));
  req.socket.write(['HTTP/1.1 101 Switching Protocols', ...lines, '', ''].join('\r\n'), 'latin1');
  const clientHead = early?.release() ?? Buffer.alloc(0);
  const ends = { client: req.socket, clientHead, upstream: socket, upstreamHead: head };
  const tunnel = new Tunnel(exchange, attempt, ends, {
    protocol,
    idleMs: options.idleMs,
    onEnd() {
      runtime.upgrades.delete(tunnel);
      options.onEnd();
    },
  });
  runtime.upgrades.add(tunnel);
  tunnel.start();
  return tunnel;
}
