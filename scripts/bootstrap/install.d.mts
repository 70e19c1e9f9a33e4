export function needsInstall(root: string): boolean;
export function lockHash(root: string): string;
export function installMissing(root: string, say: (line: string) => void): Promise<void>;
export function installFailure(code: number, output: string): string;
