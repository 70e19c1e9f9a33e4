// Writes the generated reference: node -C @clearway/source scripts/generate-reference.ts
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { referenceFiles } from './reference/files.ts';

const root = path.join(import.meta.dirname, '..');
for (const [name, text] of await referenceFiles(root)) {
  const file = path.join(root, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
  console.log(`wrote ${name}`);
}
