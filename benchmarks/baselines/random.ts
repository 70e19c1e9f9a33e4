/** Numbers that look random and are the same for the same seed, on every machine. */
export interface Random {
  /** Evenly from 0 to 1. */
  uniform(): number;
  /** Normal with mean 0 and deviation 1. */
  normal(): number;
}

/**
 * sfc32 of Chris Doty-Humphrey (PractRand), seeded by one number.
 *
 * @example
 * const random = seeded(7);
 * random.uniform();
 */
export function seeded(seed: number): Random {
  let [a, b, c, d] = [0x9e3779b9, seed | 0, Math.imul(seed, 0x85ebca6b) ^ 0x243f6a88, 1];
  const next = (): number => {
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 20; round++) next();
  const uniform = (): number => next() / 2 ** 32;
  // Box and Muller; of the pair the second is thrown away, so that one call takes two numbers wherever it stands
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return { uniform, normal };
}
