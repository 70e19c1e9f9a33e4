export { startErrors, type ErrorContext, type Errors, type ErrorsOptions, type SentTest } from './start.ts';
