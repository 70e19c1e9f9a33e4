import { createRequire } from 'node:module';
import path from 'node:path';
import { z } from 'zod';
import { problemAnswer, textAnswer } from './documentation.ts';
import type { OpenApiDocument } from './openapi.ts';
import type { Operation } from './operation.ts';
import { sendProblem } from './problems.ts';

/** Everything comes from this server; styles may stand in attributes, since Swagger UI writes them there. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; " +
  "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Clearway operations API</title>
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <link rel="stylesheet" href="/api/docs/swagger-ui.css" />
    <link rel="icon" type="image/png" href="/api/docs/favicon-32x32.png" />
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/api/docs/swagger-ui-bundle.js"></script>
    <script src="/api/docs/start.js"></script>
  </body>
</html>
`;

const START = `SwaggerUIBundle({ url: '/api/openapi.json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null });
`;

/** Files of swagger-ui-dist that the page loads; nothing else of the package is served. */
const PACKAGE_FILES = ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'];

const packageFolder = path.dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));

/**
 * The OpenAPI document, and a page to browse it. Both are open to anyone who reaches the port, since they hold nothing
 * of this deployment and a browser has no token to send.
 *
 * @param document asked for when it is needed: it describes these operations as well
 */
export function documentationOperations(document: () => OpenApiDocument): Operation[] {
  return [
    {
      ...COMMON,
      path: '/api/openapi.json',
      documentation: {
        summary: 'This document, OpenAPI 3.1',
        tags: ['documentation'],
        responses: { '200': textAnswer('OpenAPI 3.1 in JSON.', 'application/json') },
      },
      handle: (_req, res) => void res.json(document()),
    },
    {
      ...COMMON,
      path: '/api/docs',
      documentation: {
        summary: 'This document as a page',
        tags: ['documentation'],
        responses: { '200': textAnswer('A page.', 'text/html') },
      },
      handle: (_req, res) => void res.set('content-security-policy', PAGE_POLICY).type('html').send(PAGE),
    },
    {
      ...COMMON,
      path: '/api/docs/{file}',
      documentation: {
        summary: 'What the page loads',
        tags: ['documentation'],
        requestParams: { path: z.object({ file: z.enum([...PACKAGE_FILES, 'start.js']) }) },
        responses: {
          '200': textAnswer('A script, a style or a picture.', '*/*'),
          '404': problemAnswer('No such file.'),
        },
      },
      handle: (req, res) => {
        const { file } = req.params as { file: string };
        if (file === 'start.js') return void res.type('js').send(START);
        if (!PACKAGE_FILES.includes(file)) return sendProblem(res, 'route_not_found');
        res.sendFile(file, { root: packageFolder, cacheControl: false, headers: { 'cache-control': 'max-age=86400' } });
      },
    },
  ];
}

const COMMON = { method: 'get', access: 'public', recorded: false } as const;
