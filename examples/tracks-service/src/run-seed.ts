import { configurationOrExit } from './config/environment.ts';
import { seed } from './seed.ts';

await seed(configurationOrExit().databaseUrl);
