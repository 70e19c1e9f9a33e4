import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import dnsPacket from 'dns-packet';

/** What the server says of a name. */
export type Zone = Readonly<{ addresses: readonly string[]; ttl: number }> | 'NXDOMAIN' | 'SERVFAIL' | 'silence';

/** A name server over UDP, as real as the others but for what it knows. */
export interface DnsServer {
  /** `address:port`. */
  readonly server: string;
  set(name: string, zone: Zone): void;
  /** How often a name was asked for, both families together. */
  queries(name: string): number;
  close(): void;
}

const RCODE = { NXDOMAIN: 3, SERVFAIL: 2 } as const;

/** Starts one on a free port. Names that were not set do not exist. */
export async function startDnsServer(): Promise<DnsServer> {
  const zones = new Map<string, Zone>();
  const asked: string[] = [];
  const socket = createSocket('udp4');
  const answer = (message: Buffer, { port, address }: RemoteInfo): void => {
    const query = dnsPacket.decode(message);
    const [question] = query.questions ?? [];
    if (!question) return;
    const name = question.name.toLowerCase();
    asked.push(name);
    const zone = zones.get(name) ?? 'NXDOMAIN';
    if (zone === 'silence') return;
    const isAnswer = typeof zone === 'object';
    const packet = dnsPacket.encode({
      id: query.id ?? 0,
      type: 'response',
      flags: dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE | (isAnswer ? 0 : RCODE[zone]),
      questions: [question],
      answers: isAnswer
        ? zone.addresses
            .filter((data) => (isIPv6(data) ? 'AAAA' : 'A') === question.type)
            .map((data) => ({ type: isIPv6(data) ? 'AAAA' : 'A', name: question.name, ttl: zone.ttl, data }))
        : [],
    });
    socket.send(packet, port, address);
  };
  socket.on('message', answer).bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    server: `127.0.0.1:${socket.address().port}`,
    set: (name, zone) => void zones.set(name, zone),
    queries: (name) => asked.filter((each) => each === name).length,
    close: () => void socket.close(),
  };
}
