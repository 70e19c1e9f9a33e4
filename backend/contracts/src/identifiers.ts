import { z } from 'zod';

/** A trace id: 32 lower-case hex digits, not all zero (W3C Trace Context, 3.2.2.3). */
export const traceIdSchema = z
  .string()
  .regex(/^(?!0{32})[0-9a-f]{32}$/, 'expected 32 lower-case hex digits, not all zero')
  .meta({ id: 'TraceId', example: '4bf92f3577b34da6a3ce929d0e0e4736' });

/** A span id: 16 lower-case hex digits, not all zero (W3C Trace Context, 3.2.2.4). */
export const spanIdSchema = z
  .string()
  .regex(/^(?!0{16})[0-9a-f]{16}$/, 'expected 16 lower-case hex digits, not all zero')
  .meta({ id: 'SpanId', example: '00f067aa0ba902b7' });
