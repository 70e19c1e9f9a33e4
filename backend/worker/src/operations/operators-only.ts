/** A viewer asked for something that only operators may see. */
export class OperatorsOnly extends Error {
  override readonly name = 'OperatorsOnly';
}
