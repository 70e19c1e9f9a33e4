import { ConfigurationError, endInOrder, Lifecycle } from '@clearway/kernel';
import { startGatewayProcess } from './compose.ts';
import { exitOnConfigurationError } from './config/env.ts';
import { env, tracing, variables } from './config/tracing.ts';

const lifecycle = new Lifecycle();
try {
  const { logger, errors, reload, flight } = await startGatewayProcess({ env, tracing, variables, lifecycle });
  process.on('SIGHUP', reload);
  endInOrder(process, {
    stop: (cause) => {
      logger.info('stopping', { cause });
      flight.ending(cause);
      return lifecycle.release();
    },
    onFatal: (error) => {
      logger.error('the process cannot go on', { error });
      errors.captureFatal(error);
      flight.ending('fatal', error);
    },
  });
} catch (error) {
  await lifecycle.release();
  if (error instanceof ConfigurationError) exitOnConfigurationError(error);
  process.stderr.write(`The gateway could not start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
