import { endInOrder, Lifecycle } from '@clearway/kernel';
import { startWorkerProcess } from './compose.ts';
import { reloadOnChange } from './config/reload.ts';
import { env, loaded, readAgain, telemetry, variables } from './config/tracing.ts';

const lifecycle = new Lifecycle();
const { logger } = telemetry.logs;
try {
  for (const { file, line, path, message } of loaded.warnings) {
    logger.warn('a section of another process is faulty', { file, line, path, problem: message });
  }
  const { configuration } = loaded;
  const worker = await startWorkerProcess({ env, variables, configuration, telemetry, lifecycle });
  const reloading = reloadOnChange({
    first: loaded,
    read: readAgain,
    swap: (next) => worker.reconfigure(next),
    log: logger,
  });
  lifecycle.onRelease('configuration', () => reloading.close());
  process.on('SIGHUP', () => void reloading.reload('signal'));
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
