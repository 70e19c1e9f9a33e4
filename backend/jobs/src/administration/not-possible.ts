/** There is no such thing, or it is past changing. The message says which. */
export class NotPossible extends Error {
  override readonly name = 'NotPossible';
  readonly kind: 'unknown' | 'too late';

  constructor(kind: 'unknown' | 'too late', message: string) {
    super(message);
    this.kind = kind;
  }
}
