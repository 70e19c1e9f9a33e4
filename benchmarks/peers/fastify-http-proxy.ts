import proxy from '@fastify/http-proxy';
import fastify from 'fastify';
import { listenAt } from './arguments.ts';

/** @fastify/http-proxy as its documentation shows it, with as many connections as the others have. */
const { port, upstream } = listenAt();
const app = fastify();
await app.register(proxy, { upstream, undici: { connections: 256, pipelining: 1 } });
await app.listen({ port, host: '127.0.0.1' });
