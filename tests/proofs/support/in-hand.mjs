// A process in the hand of a proof: its clock is set by SIGUSR2 while it runs, as by an operator or NTP, each time to the
// next offset; SIGWINCH collects its garbage.
const OFFSETS_MS = [3_600_000, -7_200_000, 86_400_000, 0];
const RealDate = Date;
let offsetMs = 0;
let turn = 0;

globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(RealDate.now() + offsetMs);
    else super(...given);
  }

  static now() {
    return RealDate.now() + offsetMs;
  }
};

process.on('SIGUSR2', () => {
  offsetMs = OFFSETS_MS[turn++ % OFFSETS_MS.length];
});

// what is garbage must not count as memory that grew; needs --expose-gc
process.on('SIGWINCH', () => globalThis.gc?.());
