import { normalisePath } from './normalise.ts';

/** The request target in the form that is matched and forwarded, or why it is refused. */
export type RequestTarget =
  | {
      readonly path: string;
      readonly query: string;
      /** Host and port of a target in absolute form. */
      readonly authority?: string;
    }
  | { readonly problem: string };

/** Without `#`: what stands behind it is a fragment for some upstreams and a part of the query for others. */
const QUERY = /^[\x21\x22\x24-\x7e]*$/;
const ABSOLUTE_FORM = /^https?:\/\/([^/?#]*)([^#]*)$/i;

/**
 * Splits a request target into its normalised path and its query.
 *
 * Source: RFC 9112, 3.2 (origin form and absolute form).
 *
 * @param target as it stands in the request line
 * @example
 * readTarget('/v1//tracks?page=2') // { path: '/v1/tracks', query: 'page=2' }
 */
export function readTarget(target: string): RequestTarget {
  const absolute = ABSOLUTE_FORM.exec(target);
  const origin = absolute ? withLeadingSlash(absolute[2] ?? '') : target;
  const mark = origin.indexOf('?');
  const query = mark === -1 ? '' : origin.slice(mark + 1);
  const normal = normalisePath(mark === -1 ? origin : origin.slice(0, mark));
  if ('problem' in normal) return normal;
  if (!QUERY.test(query)) return { problem: 'the query contains a character that must be escaped' };
  return absolute ? { path: normal.path, query, authority: absolute[1] ?? '' } : { path: normal.path, query };
}

function withLeadingSlash(text: string): string {
  return text.startsWith('/') ? text : `/${text}`;
}

/**
 * The path that the upstream is asked for.
 *
 * @param path normalised
 * @param prefix the route's `stripPrefix`
 */
export function forwardedPath(path: string, prefix: string | undefined): string {
  if (prefix === undefined || (path !== prefix && !path.startsWith(`${prefix}/`))) return path;
  return path.slice(prefix.length) || '/';
}
