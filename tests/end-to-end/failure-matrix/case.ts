import type { FailureReason } from '@clearway/kernel';
import type { Socket } from 'node:net';
import type { RawClient, Received } from '../support/raw-client.ts';
import type { Servers } from '../support/servers.ts';

/** What one attempt must leave behind on its CLIENT span and in `clearway_attempts_total`. */
export interface ExpectedAttempt {
  /** The upstream's status; absent when it gave none, and then the span has none. */
  readonly status?: number;
  readonly reason?: FailureReason;
}

/**
 * How the client learns of a failure: by a problem document of the gateway, by the upstream's own answer with
 * `Clearway-Reason`, by a reset within an answer, or not at all.
 */
export type AnswerKind = 'problem' | 'upstream' | 'reset' | 'none';

/** One way in which a request can fail. */
export interface FailureCase {
  /** Unique within its group. */
  readonly title: string;
  readonly reason: FailureReason;
  /** On record, span, metric and log; on the answer too, when there is one. */
  readonly status: number;
  readonly answer: AnswerKind;
  /** Default: none. */
  readonly attempts?: readonly ExpectedAttempt[];
  /** How many attempts the requests around it made, which must all succeed. Default: none. */
  readonly succeeded?: number;
  /** Default GET; `_OTHER` for what never became a request. */
  readonly method?: string;
  /** How far the log line says that the request came; not looked at without it. */
  readonly phase?: string;
  /** A part of the cause that the log line gives; not looked at without it. */
  readonly cause?: string;
  /** Whether the case's route is found: default true. */
  readonly isRouted?: boolean;
  /** Opens the case's upstream and returns its entry of `upstreams`. Default: a target at which nobody listens. */
  readonly upstream?: (servers: Servers) => Promise<object>;
  /** Options of the case's route, such as policies. */
  readonly route?: object;
  /** Sends the request; `path` is the case's own. Default: a GET that closes the connection. */
  readonly request?: (client: RawClient, path: string) => Promise<Received>;
  /** Looks at what came back, beyond what is looked at for every case. */
  readonly expect?: (received: Received) => void;
}

/** Cases that share a gateway process. */
export interface FailureGroup {
  readonly name: string;
  /** The section `server`. */
  readonly server?: object;
  /** Further sections, made when the group is started. */
  readonly sections?: (servers: Servers) => Promise<object>;
  /** Environment of the process. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly cases: readonly FailureCase[];
}

/** The head of a request. */
export function head(line: string, ...fields: string[]): string {
  return [`${line} HTTP/1.1`, 'Host: gateway.example', ...fields, '', ''].join('\r\n');
}

/** An upstream over raw sockets that begins its answer with `half`, and goes on when the client has got that. */
export function goingOn(
  answer: string,
  goOn: (socket: Socket) => void,
): Required<Pick<FailureCase, 'upstream' | 'request'>> {
  const begun = Promise.withResolvers<void>();
  return {
    async upstream(servers) {
      const origin = await servers.raw((socket) => {
        socket.once('data', () => socket.write(answer));
        void begun.promise.then(() => goOn(socket));
      });
      return { targets: [{ url: origin }] };
    },
    async request(client, path) {
      const connection = client.connect();
      connection.socket.write(head(`GET ${path}`, 'Connection: close'));
      await connection.until('half');
      begun.resolve();
      return connection.closed;
    },
  };
}
