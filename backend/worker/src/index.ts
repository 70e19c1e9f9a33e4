await import('./config/tracing.ts');
await import('./main.ts');
