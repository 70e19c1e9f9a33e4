export { systemClock, manualClock, type Clock, type ManualClock } from './clock.ts';
export {
  FAILURES,
  FAILURE_REASONS,
  REFUSALS,
  Failure,
  failureFacts,
  type FailureFacts,
  type FailureOptions,
  type FailureOwner,
  type FailureReason,
} from './failures.ts';
export { checksSchema, type CheckConfiguration } from './health-checks.ts';
export { PROBLEM_MEDIA_TYPE, problemDocument, type ProblemDocument } from './problem.ts';
export { healthDocument, type HealthDocument, type ServiceHealth } from './health-document.ts';
export { Lifecycle, type ReleaseOutcome } from './lifecycle.ts';
export { operationsTokens } from './configuration/operations-tokens.ts';
export { endInOrder, type EndableProcess, type EndCause } from './process-end.ts';
export { backoffMs } from './backoff.ts';
export { makeDirectorySync, type MakeDirectoryOptions } from './make-directory.ts';
export { HealthRegistry, type CheckResult, type HealthCheck, type HealthReport, type HealthStatus } from './health.ts';
export { heldConnectionCheck, type HeldConnection, type OpenHealthCheck } from './held-connection-check.ts';
export {
  bearerToken,
  isLoopbackAddress,
  isSameSecret,
  openListenerProblem,
  operationsAccess,
  type OperationsAccess,
  type OperationsCaller,
  type OperationsRole,
  type OperationsToken,
} from './operations-access.ts';
export {
  closest,
  ConfigurationError,
  EXIT_CONFIGURATION,
  renderProblems,
  showValue,
  type ConfigurationProblem,
} from './configuration/problems.ts';
export {
  describeEnvironment,
  flag,
  integer,
  list,
  port,
  ratio,
  readEnvironment,
  renderEnvironmentExample,
  unknownVariables,
  url,
  variable,
  type DescribedVariable,
  type EnvironmentFile,
  type EnvironmentShape,
} from './configuration/environment.ts';
export {
  loadConfiguration,
  type ConfigurationSchema,
  type LoadedConfiguration,
  type ReadFile,
  type RuleViolation,
} from './configuration/document.ts';
export { maskLiterals } from './mask-literals.ts';
