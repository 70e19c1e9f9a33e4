// npm start: installs what is missing, then goes on in stack/main.ts on the right Node. Readable by Node 18.
import { run } from './bootstrap/run.mjs';

await run('stack/main.ts');
