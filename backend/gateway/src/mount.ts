import { loadConfiguration } from '@clearway/kernel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type z } from 'zod';
import { loadSections } from './configuration/load.ts';
import { gatewayConfigurationSchema, gatewaySections, type GatewayConfiguration } from './configuration/schema.ts';
import { createGateway, type Gateway, type GatewayOptions } from './gateway.ts';
import { hasBody } from './proxy/request-body.ts';

/** The gateway's sections as they are written, with everything that has a default left out at will. */
export type GatewayConfigurationInput = z.input<z.ZodObject<typeof gatewaySections>>;

/** Where a mounted gateway's configuration comes from: a file such as `clearway.yaml`, or the same as an object. */
export type MountConfiguration =
  | {
      readonly file: string;
      /** For values `env:NAME` of the file; usually `process.env`. */
      readonly variables?: Readonly<Record<string, string | undefined>>;
      readonly configuration?: never;
    }
  | { readonly configuration: GatewayConfigurationInput; readonly file?: never };

/** How a gateway is mounted. */
export type MountOptions = Omit<GatewayOptions, 'configuration'> & MountConfiguration;

/** Express middleware that is a gateway. */
export type MountedGateway = ((req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void) => void) &
  Gateway;

const BODY_WAS_READ = 'the body was read before the gateway could forward it: mount the gateway before body parsers';
const SECTIONS = Object.keys(gatewaySections) as (keyof typeof gatewaySections)[];

/**
 * A gateway as middleware for any Express app. It takes every request that reaches it, so it is mounted behind the app's
 * own routes and before anything that reads bodies. Upgrades and what Node's parser refuses reach it by `attach`.
 *
 * @param options the configuration by file or as an object, and what receives the records
 * @throws ConfigurationError with every problem
 * @example
 * const proxy = gateway({ file: 'clearway.yaml', variables: process.env, ...gatewayTelemetry() });
 * app.use(proxy);
 * proxy.attach(app.listen(8000));
 */
export function gateway(options: MountOptions): MountedGateway {
  const { file, variables, configuration, ...rest } = options as MountOptions & { variables?: NodeJS.ProcessEnv };
  const read = file === undefined ? fromObject(configuration) : fromFile(file, variables ?? {});
  const mounted = createGateway({ ...rest, configuration: read });
  const middleware = (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void): void => {
    if (next !== undefined && req.readableDidRead && hasBody(req)) return next(new Error(BODY_WAS_READ));
    mounted.handler(req, res);
  };
  // with its getters: the configuration and the runtime are others after a swap
  return Object.defineProperties(middleware, Object.getOwnPropertyDescriptors(mounted)) as MountedGateway;
}

function fromFile(file: string, variables: Readonly<Record<string, string | undefined>>): GatewayConfiguration {
  return loadSections(file, variables, SECTIONS).configuration;
}

/** Validates an object as if it stood in a file, so that problems are told the same way. */
function fromObject(configuration: GatewayConfigurationInput | undefined): GatewayConfiguration {
  const text = JSON.stringify({ version: 1, ...configuration });
  const file = 'configuration';
  const readFile = (): { name: string; text: string } => ({ name: file, text });
  return loadConfiguration(gatewayConfigurationSchema, { file, readFile, variables: {} }).configuration;
}
