import { errorHandler, metricsHandler, requestTelemetry } from '@clearway/telemetry';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { Database } from './database.ts';
import { healthRoutes } from './health.ts';
import type { Drain } from './http/drain.ts';
import { notFound, problemHandler } from './http/problem.ts';
import { playlistRoutes } from './playlists/routes.ts';
import { postRoutes } from './posts/routes.ts';
import { fileRoutes, type FileRoutesOptions } from './tracks/file-routes.ts';
import { trackRoutes } from './tracks/routes.ts';
import type { UploadStore } from './tracks/upload-store.ts';

/** What the application is built from. */
export interface AppOptions {
  readonly database: Database;
  readonly uploads: UploadStore;
  readonly maxUploadBytes: number;
  readonly drain: Drain;
  readonly onStored?: FileRoutesOptions['onStored'];
}

/** Builds the application; nothing listens yet. */
export function buildApp(options: AppOptions): Express {
  const { database, drain } = options;
  const app = express();
  app.disable('x-powered-by');
  app.use(requestTelemetry());
  app.use(drain.middleware);
  app.use(standardHeaders);
  app.use(healthRoutes({ database, draining: drain.draining }));
  app.get('/metrics', metricsHandler());
  app.use('/v1/tracks', fileRoutes(options), trackRoutes(database));
  app.use('/v1/posts', postRoutes(database));
  app.use('/v1/playlists', playlistRoutes(database));
  app.use(() => {
    throw notFound('page');
  });
  app.use(problemHandler);
  app.use(errorHandler());
  return app;
}

function standardHeaders(_request: Request, response: Response, next: NextFunction): void {
  response.setHeader('X-Content-Type-Options', 'nosniff');
  next();
}
