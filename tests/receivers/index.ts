export type { ReceivedLog, ReceivedSpan } from './received.ts';
export type { Receiver, ReceiverMode } from './receiver.ts';
export { startOtlpReceiver, type OtlpReceiver } from './otlp-receiver.ts';
export { startJaegerReceiver, type JaegerReceiver } from './jaeger-receiver.ts';
export { startZipkinReceiver, type ZipkinReceiver } from './zipkin-receiver.ts';
export { startSentryReceiver, type SentryEvent, type SentryItem, type SentryReceiver } from './sentry-receiver.ts';
