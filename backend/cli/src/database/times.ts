/** A moment for people: date and time, in UTC. */
export function shortTime(iso: string | null): string {
  return iso === null ? '' : iso.replace('T', ' ').slice(0, 19);
}
