// npm run prove, prove:backups: installs what is missing, then goes on in proving/main.ts on the right Node. Readable by Node 18.
import { run } from './bootstrap/run.mjs';

await run('proving/main.ts');
