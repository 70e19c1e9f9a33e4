import { activeRecord, requestTelemetry, type ServiceTelemetry } from '@clearway/telemetry';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { requireAccess, type AccessTokens } from './access.ts';
import { documentationOperations } from './documentation-operations.ts';
import { healthOperations, type HealthSources } from './health-operations.ts';
import { metricsOperation } from './metrics-operation.ts';
import { openApiDocument, type OpenApiDocument } from './openapi.ts';
import { expressPath, type Operation } from './operation.ts';
import { sendProblem } from './problems.ts';

/** What the operations API shows. */
export interface OperationsDependencies extends HealthSources {
  readonly tokens: AccessTokens;
  readonly telemetry: ServiceTelemetry;
  /** Operations of the other rooms. */
  readonly operations: readonly Operation[];
}

const SECURITY_HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** The app of the operations API. Does not listen. */
export function buildOperationsApp(deps: OperationsDependencies): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag').set('query parser', 'simple');
  app.use((_req, res, next) => {
    res.set(SECURITY_HEADERS);
    next();
  });
  const operations = allOperations(deps);
  const recorded = requestTelemetry(deps.telemetry) as RequestHandler;
  for (const operation of operations) mount(app, operation, deps, recorded);
  refuseOtherMethods(app, operations);
  app.use(recorded, requireAccess('viewer', deps.tokens), (_req, res) => sendProblem(res, 'route_not_found'));
  app.use(answerError(deps.telemetry));
  return app;
}

/** Every operation of the API, those of this room and those of the others. */
export function allOperations(deps: OperationsDependencies): Operation[] {
  let document: OpenApiDocument | undefined;
  const operations: Operation[] = [
    ...deps.operations,
    ...healthOperations(deps),
    metricsOperation(deps.telemetry.metrics),
    ...documentationOperations(() => (document ??= openApiDocument(operations, deps.version))),
  ];
  return operations;
}

function mount(
  app: Express,
  { method, path, access, recorded, bodyLimitBytes, handle }: Operation,
  { tokens }: OperationsDependencies,
  record: RequestHandler,
): void {
  const guard = requireAccess(access, tokens);
  // read only when it is known who sends it
  const body = bodyLimitBytes === undefined ? [] : [express.json({ limit: bodyLimitBytes, strict: false })];
  app[method](expressPath(path), ...(recorded ? [record, guard] : [guard]), ...body, handle);
}

function refuseOtherMethods(app: Express, operations: readonly Operation[]): void {
  for (const [path, ofPath] of Map.groupBy(operations, (operation) => operation.path)) {
    const methods = ofPath.map(({ method }) => method.toUpperCase());
    const allow = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
    app.route(expressPath(path)).all((_req, res) => sendProblem(res.set('allow', allow), 'method_not_allowed'));
  }
}

/** Four parameters: that is how Express knows an error handler. */
function answerError({ logs }: ServiceTelemetry): ErrorRequestHandler {
  return (error: Error & { status?: number }, _req, res, next) => {
    const record = activeRecord();
    if (error.status !== undefined && error.status >= 400 && error.status < 500 && !res.headersSent) {
      return sendProblem(res, 'request_invalid', { detail: 'The request could not be read.' });
    }
    if (record) record.error = error;
    record?.fail('internal', error.message);
    logs.logger.error('an operation failed', { error });
    // headers are out: Express's own handler closes the connection
    if (res.headersSent) return next(error);
    sendProblem(res, 'internal');
  };
}
