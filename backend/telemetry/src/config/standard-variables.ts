/**
 * The standard OpenTelemetry variables that the SDK does not apply by itself, because Clearway builds the processors
 * and the sampler by hand. Source: OpenTelemetry specification, "Environment Variable Specification".
 */
export interface StandardVariables {
  /** `OTEL_SDK_DISABLED` */
  readonly disabled: boolean;
  /** Whether `OTEL_TRACES_SAMPLER` names a sampler: the SDK then builds it. */
  readonly samplerNamed: boolean;
  /** `OTEL_BSP_*`, each undefined when unset or no usable number. */
  readonly batch: {
    readonly queueSize: number | undefined;
    readonly batchSize: number | undefined;
    readonly delayMs: number | undefined;
    readonly exportTimeoutMs: number | undefined;
  };
  /** `OTEL_EXPORTER_JAEGER_ENDPOINT` */
  readonly jaegerEndpoint: string | undefined;
  /** `OTEL_EXPORTER_ZIPKIN_ENDPOINT` */
  readonly zipkinEndpoint: string | undefined;
  /** `OTEL_EXPORTER_OTLP_TRACES_TIMEOUT`, `OTEL_EXPORTER_OTLP_TIMEOUT` */
  readonly otlpTimeoutMs: number | undefined;
  /** Where OTLP goes when nothing else is said: `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly otlpEndpoint: string | undefined;
}

/**
 * Reads the standard variables.
 *
 * @param variables the process's own unless a test gives others
 */
export function standardVariables(
  variables: Readonly<Record<string, string | undefined>> = process.env,
): StandardVariables {
  const text = (name: string): string | undefined => variables[name]?.trim() || undefined;
  const count = (name: string): number | undefined => {
    const value = Number(text(name));
    return Number.isSafeInteger(value) && value > 0 ? value : undefined;
  };
  return {
    disabled: text('OTEL_SDK_DISABLED')?.toLowerCase() === 'true',
    samplerNamed: text('OTEL_TRACES_SAMPLER') !== undefined,
    batch: {
      queueSize: count('OTEL_BSP_MAX_QUEUE_SIZE'),
      batchSize: count('OTEL_BSP_MAX_EXPORT_BATCH_SIZE'),
      delayMs: count('OTEL_BSP_SCHEDULE_DELAY'),
      exportTimeoutMs: count('OTEL_BSP_EXPORT_TIMEOUT'),
    },
    jaegerEndpoint: text('OTEL_EXPORTER_JAEGER_ENDPOINT'),
    zipkinEndpoint: text('OTEL_EXPORTER_ZIPKIN_ENDPOINT'),
    otlpTimeoutMs: count('OTEL_EXPORTER_OTLP_TRACES_TIMEOUT') ?? count('OTEL_EXPORTER_OTLP_TIMEOUT'),
    otlpEndpoint: text('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? text('OTEL_EXPORTER_OTLP_ENDPOINT'),
  };
}
