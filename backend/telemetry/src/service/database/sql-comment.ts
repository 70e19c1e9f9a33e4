import { isSpanContextValid, trace } from '@opentelemetry/api';
import { activeRecord } from '../../tracing/correlation.ts';
import { serviceTelemetry } from '../telemetry.ts';

/** What a query's comment says about who issues it. */
export interface QueryTags {
  readonly application: string;
  /** Method and route of the request, such as `GET /v1/tracks/:id`. */
  readonly route?: string;
  /** W3C trace context of the active span. */
  readonly traceparent?: string;
}

/**
 * Who issues a query right now: the service, and inside of a request its route and trace. As the plugin of Prisma's
 * `comments` it adds them to every query, where `clearway` and others read them.
 *
 * @example
 * const prisma = new PrismaClient({ adapter, comments: [queryTags] });
 */
export function queryTags(): QueryTags & Record<string, string | undefined> {
  const record = activeRecord();
  const span = trace.getActiveSpan()?.spanContext();
  const pattern = record?.routePattern;
  return {
    application: serviceTelemetry().serviceName,
    ...(record && pattern !== undefined && { route: `${record.method} ${pattern}` }),
    ...(span &&
      isSpanContextValid(span) && {
        traceparent: `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, '0')}`,
      }),
  };
}

/**
 * The comment of sqlcommenter that tells who issues a query.
 *
 * Source: https://google.github.io/sqlcommenter/spec/ (keys in order, values in URL encoding)
 *
 * @example
 * sqlComment({ application: 'shop', route: 'GET /a' }) // the pairs application='shop',route='GET%20%2Fa' as a comment
 */
export function sqlComment(tags: Readonly<Record<string, string | undefined>>): string {
  const pairs = Object.entries(tags)
    .filter((pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== '')
    .map(([key, value]) => `${encode(key)}='${encode(value)}'`);
  return pairs.length === 0 ? '' : `/*${pairs.sort().join(',')}*/`;
}

/** `encodeURIComponent` leaves what would end the quotes or the comment. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/['*()]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
