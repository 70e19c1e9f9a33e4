// A bug on demand: leaves a promise's rejection unhandled.
process.on('SIGUSR2', () => void Promise.reject(new Error('nobody handles this')));
