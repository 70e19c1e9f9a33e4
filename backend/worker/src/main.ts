import { endInOrder, Lifecycle } from '@clearway/kernel';
import { startWorkerProcess } from './compose.ts';
import { env, telemetry } from './config/tracing.ts';

const lifecycle = new Lifecycle();
const { logger } = telemetry.logs;
try {
  await startWorkerProcess({ env, telemetry, lifecycle });
  endInOrder(process, {
    stop: (cause) => {
      logger.info('stopping', { cause });
      return lifecycle.release();
    },
    onFatal: (error) => {
      logger.error('the process cannot go on', { error });
      telemetry.errors.captureFatal(error);
    },
  });
} catch (error) {
  await lifecycle.release();
  process.stderr.write(`The worker could not start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
