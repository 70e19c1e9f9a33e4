import '@clearway/telemetry/register'; // first: what is loaded after it is traced
import { configurationOrExit } from './config/environment.ts';
import { main } from './main.ts';

await main(configurationOrExit());
