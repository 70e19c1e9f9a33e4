// before the maker of certificates, which needs it
import 'reflect-metadata';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type X509Certificate,
} from '@peculiar/x509';
import { randomBytes, webcrypto } from 'node:crypto';

/** A certificate with its key, as PEM. */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority for tests. */
export interface Authority {
  /** Its own certificate, as PEM. */
  readonly certificate: string;
  /**
   * Issues a certificate for servers and clients.
   *
   * @param names host names and IPv4 addresses
   * @param days from the day it begins to the day it ends, counted from today; negative ones are past
   */
  issue(names: readonly string[], days?: readonly [number, number]): Promise<IssuedCertificate>;
}

const DAY_MS = 86_400_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const USAGES: webcrypto.KeyUsage[] = ['sign', 'verify'];

/** Makes an authority that nobody believes but who is given its certificate. */
export async function createAuthority(): Promise<Authority> {
  const keys = await generateKeys();
  const own = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=Clearway test authority',
    ...validity([-1, 1]),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
    ],
  });
  return {
    certificate: own.toString('pem'),
    async issue(names, days = [-1, 1]) {
      const subject = await generateKeys();
      return { certificate: await issued(own, keys, subject, names, days), key: await pemOf(subject.privateKey) };
    },
  };
}

async function issued(
  authority: X509Certificate,
  keys: webcrypto.CryptoKeyPair,
  subject: webcrypto.CryptoKeyPair,
  names: readonly string[],
  days: readonly [number, number],
): Promise<string> {
  const isAddress = (name: string): boolean => /^[\d.]+$/.test(name);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${names[0]}`,
    issuer: authority.subject,
    ...validity(days),
    publicKey: subject.publicKey,
    signingKey: keys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isAddress(value) ? ('ip' as const) : ('dns' as const), value })),
      ),
    ],
  });
  return certificate.toString('pem');
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, USAGES);
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

function validity([from, to]: readonly [number, number]): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() + from * DAY_MS), notAfter: new Date(Date.now() + to * DAY_MS) };
}

function serialNumber(): string {
  return `01${randomBytes(8).toString('hex')}`;
}
