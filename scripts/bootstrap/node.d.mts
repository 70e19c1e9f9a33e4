export const NODE_MAJOR: number;
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  readonly version: string;
  readonly execPath: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}
export function findNode(
  root: string,
  machine: Machine,
): { readonly path: string; readonly problem?: never } | { readonly path?: never; readonly problem: string };
