/** Where spans go. `local` is the worker's own OTLP receiver. */
export type ExporterName = 'otlp' | 'jaeger' | 'zipkin' | 'console' | 'local';

/** Which libraries are instrumented automatically. */
export type InstrumentationSet = 'gateway' | 'service' | 'none';

/** How a process is traced. */
export interface TracingOptions {
  /** False: nothing is recorded or exported; ids and correlation still work. */
  readonly enabled: boolean;
  /** `service.name` of the spans; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win over it. */
  readonly serviceName: string;
  readonly serviceVersion: string;
  /** `deployment.environment.name` of the spans. */
  readonly environment: string;
  readonly exporter: ExporterName;
  /** Base URL of the worker's OTLP receiver, for the exporter `local`. Default `http://127.0.0.1:8002`. */
  readonly localUrl?: string | undefined;
  /** Share of new traces that are sampled, 0 to 1; a caller's own decision is followed. Default 1. */
  readonly sampleRatio?: number | undefined;
  /**
   * `gateway`: ioredis and pg only. `service`: HTTP server and client, undici, ioredis and Prisma's own spans.
   * `none` loads no instrumentation.
   */
  readonly instrumentations: InstrumentationSet;
  /** Default `OTEL_EXPORTER_JAEGER_ENDPOINT`, then `http://127.0.0.1:14268/api/traces`. */
  readonly jaegerEndpoint?: string | undefined;
  /** Default `OTEL_EXPORTER_ZIPKIN_ENDPOINT`, then `http://127.0.0.1:9411/api/v2/spans`. */
  readonly zipkinEndpoint?: string | undefined;
  /** `host:port` or host of the error tracker: calls to it are not traced. */
  readonly sentryHost?: string | undefined;
  /**
   * Paths of incoming requests that are not traced: probes, scrapes, and an OTLP receiver of the process's own.
   * `/path/*` stands for all below one.
   */
  readonly ignoredPaths?: readonly string[] | undefined;
  /** Told of failed exports, at most once a minute. Default: one line on stderr. */
  readonly onProblem?: ((message: string) => void) | undefined;
}

/** An OTLP endpoint that is given spans beside the configured exporter. */
export interface OtlpEndpoint {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What became of the items of one bounded queue. */
export interface QueueStats {
  /** Waiting or on the way. */
  readonly queued: number;
  readonly exported: number;
  /** Refused because the queue was full, or lost with an export that failed. */
  readonly dropped: number;
  readonly exportFailures: number;
}
