/** The server that a whole test run shares: a connection URL of any of its databases. */
export const sharedServerUrl = (): string | undefined => process.env['TEST_DATABASE_URL'] || undefined;
