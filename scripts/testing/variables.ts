/** What would let a test reach something real, or change how the processes under test behave. */
const OURS =
  /^(OTEL|SENTRY|CLEARWAY|GATEWAY|ADMIN|WORKER|TRACKS|LOG|OPERATIONS|JAEGER|TRACE|PG)_|^(DATABASE_URL|DATABASE_PORT|DATA_DIRECTORY|REDIS_URL|UPLOAD_DIRECTORY|PORT|HOST|NODE_ENV|NODE_V8_COVERAGE)$/;
/** What is meant for the tests: programs that are not packages, which .ci/run finds. */
const FOR_TESTS = /^CLEARWAY_(\w+_SERVER|NEWER_POSTGRESQL)$/;

/**
 * The environment of the tests: that of the caller without the variables that the processes read. A test sets what
 * it needs.
 */
export function testVariables(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const isKept = (name: string) => FOR_TESTS.test(name) || !OURS.test(name);
  const kept = Object.entries(environment).filter(([name, value]) => value !== undefined && isKept(name));
  return Object.fromEntries(kept) as Record<string, string>;
}
