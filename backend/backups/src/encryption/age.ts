import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { text as streamText } from 'node:stream/consumers';
import { Decrypter, Encrypter, generateIdentity, identityToRecipient } from 'age-encryption';
import { asBackupFailure, BackupFailure } from '../failures.ts';

/**
 * Encrypts for all recipients; any one of their identities opens it. Streams, in pieces of 64 KiB that are each
 * authenticated.
 *
 * @param recipients `age1…`
 * @see https://age-encryption.org/v1
 */
export async function encryptStream(source: Readable, recipients: readonly string[]): Promise<Readable> {
  const encrypter = new Encrypter();
  for (const recipient of recipients) addRecipient(encrypter, recipient);
  return fromWeb(await encrypter.encrypt(toWeb(source)));
}

/**
 * Decrypts with whichever identity fits.
 *
 * @param identities `AGE-SECRET-KEY-1…`
 * @throws BackupFailure `key-missing`, `key-wrong`; the stream fails when what was encrypted is not whole
 */
export async function decryptStream(source: Readable, identities: readonly string[]): Promise<Readable> {
  const decrypter = newDecrypter(identities);
  try {
    return fromWeb(await decrypter.decrypt(toWeb(source)));
  } catch (error) {
    source.destroy();
    throw keyFailure(error);
  }
}

/** Checks that a text is a recipient. */
export function checkRecipient(recipient: string): void {
  addRecipient(new Encrypter(), recipient);
}

/** A device that never ends is no file of identities. */
const MOST_IDENTITY_BYTES = 1024 * 1024;

/** Reads identities from a file as `age-keygen` writes it: one a line, `#` begins a comment. */
export async function readIdentities(file: string): Promise<string[]> {
  let text: string;
  try {
    text = await streamText(createReadStream(file, { end: MOST_IDENTITY_BYTES }));
  } catch (error) {
    throw new BackupFailure(
      'key-missing',
      `the identity file ${file} cannot be read: ${asBackupFailure(error, 'key-missing').message}`,
      {
        cause: error,
      },
    );
  }
  const identities = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (identities.length === 0) throw new BackupFailure('key-missing', `the identity file ${file} holds no identity`);
  newDecrypter(identities);
  return identities;
}

function addRecipient(encrypter: Encrypter, recipient: string): void {
  try {
    encrypter.addRecipient(recipient);
  } catch (error) {
    throw new BackupFailure('key-wrong', `${recipient} is not a recipient of age`, {
      cause: error,
      remedy: "give the public key, which begins with 'age1'; age-keygen prints it",
    });
  }
}

function newDecrypter(identities: readonly string[]): Decrypter {
  if (identities.length === 0) {
    throw new BackupFailure('key-missing', 'the backup is encrypted and no identity was given', {
      remedy: 'name the file that holds the identity: --identity FILE',
    });
  }
  const decrypter = new Decrypter();
  for (const identity of identities) {
    try {
      decrypter.addIdentity(identity);
    } catch (error) {
      // the message of the library could repeat the secret
      throw new BackupFailure('key-wrong', 'an identity is not in the form AGE-SECRET-KEY-1…', {
        cause: String(error).slice(0, 40),
      });
    }
  }
  return decrypter;
}

function keyFailure(error: unknown): BackupFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (/no identity matched/i.test(message)) {
    return new BackupFailure('key-wrong', 'none of the identities opens the backup', {
      cause: error,
      remedy: 'it is encrypted for the recipients that its manifest names: give the identity of one of them',
    });
  }
  return new BackupFailure('damaged', `the encrypted file cannot be opened: ${message}`, { cause: error });
}

const toWeb = (source: Readable): ReadableStream<Uint8Array> => Readable.toWeb(source);

const fromWeb = (stream: ReadableStream<Uint8Array>): Readable => Readable.fromWeb(stream);

/** A new pair of keys: whoever has the identity opens what was encrypted for the recipient. */
export async function newIdentity(): Promise<{ readonly identity: string; readonly recipient: string }> {
  const identity = await generateIdentity();
  return { identity, recipient: await identityToRecipient(identity) };
}
