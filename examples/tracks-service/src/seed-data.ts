/** Names of made-up listeners. */
export const LISTENERS = ['Ada', 'Björn', 'Chidi', 'Dalia', 'Emeka'] as const;

/** Made-up artists and their tracks. */
export const ALBUMS: readonly { readonly artist: string; readonly titles: readonly string[] }[] = [
  {
    artist: 'The Slow Queries',
    titles: ['Full Table Scan', 'Waiting on a Lock', 'Vacuum at Midnight', 'Index Only', 'Explain Yourself'],
  },
  {
    artist: 'Broken Pipes',
    titles: ['Half Closed', 'Reset by Peer', 'Keep Alive', 'Trailing Headers', 'Graceful Drain'],
  },
  { artist: 'Nine Nines', titles: ['Error Budget', 'Burn Rate', 'Paged Again', 'Five Whys', 'Blameless'] },
  {
    artist: 'Carrier Pigeons',
    titles: ['Best Effort', 'Exactly Once', 'Out of Order', 'Back Pressure', 'Dead Letter'],
  },
  { artist: 'Idle Connections', titles: ['Three-Way Handshake', 'Time to Live', 'Round Trip', 'Nagle', 'Time Wait'] },
];

/** What listeners wrote. */
export const THOUGHTS = [
  'Which track should open the summer playlist?',
  'The live version is better.',
  'Looking for something calm to deploy to.',
  'Five stars for the drums alone.',
] as const;

/** Songs that were shared in posts before there were tracks: what src/separation is for. */
export const SHARED_SONGS = [
  'Cold Cache',
  'Unlogged',
  'Rolling Release',
  'Two-Phase Commit',
  'Backfill Blues',
  'Dual Write',
  'Shadow Read',
  'Feature Flag',
  'Expand and Contract',
  'Point of No Return',
  'Read Your Writes',
  'Eventually',
] as const;
