import type { AttributeValue } from '@clearway/contracts';

/** An attribute as text, when it is a plain value. */
export function textOf(value: AttributeValue | undefined): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

/** An attribute as a number, when it is one. */
export function numberOf(value: AttributeValue | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
