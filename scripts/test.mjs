// npm test: installs what is missing, then goes on in testing/main.ts on the right Node. Readable by Node 18.
import { run } from './bootstrap/run.mjs';

await run('testing/main.ts');
