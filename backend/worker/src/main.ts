import { endInOrder, Lifecycle } from '@clearway/kernel';
import { startWorkerProcess } from './compose.ts';
import { configuration, env, telemetry, warnings } from './config/tracing.ts';

const lifecycle = new Lifecycle();
const { logger } = telemetry.logs;
try {
  for (const { file, line, path, message } of warnings) {
    logger.warn('a section of another process is faulty', { file, line, path, problem: message });
  }
  await startWorkerProcess({ env, configuration, telemetry, lifecycle });
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
