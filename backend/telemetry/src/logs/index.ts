export { createLogger, LOG_LEVELS, type LoggerOptions, type LogLevel, type Logs } from './logger.ts';
export { accessLog, type AccessLogOptions } from './access-log.ts';
export { phaseOf } from './access-line.ts';
