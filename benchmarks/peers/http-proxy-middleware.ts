import { Agent } from 'node:http';
import express from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { listenAt } from './arguments.ts';

/** http-proxy-middleware on Express as its documentation shows it, with an agent: without one it opens a connection a request. */
const { port, upstream } = listenAt();
const app = express();
app.use(createProxyMiddleware({ target: upstream, agent: new Agent({ keepAlive: true, maxSockets: 256 }) }));
app.listen(port, '127.0.0.1');
