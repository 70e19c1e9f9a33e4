export { startErrors, type ErrorContext, type Errors, type ErrorsOptions } from './start.ts';
