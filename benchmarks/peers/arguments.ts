/** Where a peer listens and where it forwards to: its two arguments. */
export function listenAt(): { port: number; upstream: string } {
  const [port, upstream] = process.argv.slice(2);
  if (port === undefined || upstream === undefined) throw new Error('usage: node PEER.ts PORT UPSTREAM');
  return { port: Number(port), upstream };
}
