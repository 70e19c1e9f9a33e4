/** The name in a `Host` field: lower case, without port. */
export function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '');
}
