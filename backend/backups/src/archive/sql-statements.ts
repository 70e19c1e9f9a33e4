/** Where a statement ends, and what it is. */
export interface FoundStatement {
  /** Index behind the semicolon. */
  readonly end: number;
  /** Index of the first byte that is neither blank nor comment. */
  readonly start: number;
}

const LETTER = /[A-Za-z_\x80-\xff]/;
const WORD = /[A-Za-z0-9_$\x80-\xff]/;

/**
 * Finds the first statement of an SQL script as psql would (psqlscan.l): quotes, dollar quotes, comments, parentheses,
 * and bodies of functions in SQL's own form (`BEGIN ATOMIC … END`) may hold semicolons.
 *
 * @param text the script, one character a byte
 * @returns undefined when the statement does not end within the text
 */
export function findStatement(text: string): FoundStatement | undefined {
  const scan = new StatementScan(text);
  return scan.run();
}

/** Where the blanks and comments end that begin a text; its length when there is nothing else. */
export function skipBlanks(text: string, from = 0): number {
  for (let at = from; at < text.length;) {
    const character = text.charAt(at);
    if (/\s/.test(character)) at++;
    else if (text.startsWith('--', at)) at = lineEnd(text, at);
    else return at;
  }
  return text.length;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}

class StatementScan {
  readonly #text: string;
  #at: number;
  #parentheses = 0;
  #blocks = 0;
  readonly #words: string[] = [];

  constructor(text: string) {
    this.#text = text;
    this.#at = skipBlanks(text);
  }

  run(): FoundStatement | undefined {
    const start = this.#at;
    while (this.#at < this.#text.length) {
      const character = this.#text.charAt(this.#at);
      if (character === ';' && this.#parentheses <= 0 && this.#blocks === 0) return { start, end: this.#at + 1 };
      if (!this.#step(character)) return undefined;
    }
    return undefined;
  }

  /** Moves behind what begins here. Returns false when it does not end within the text. */
  #step(character: string): boolean {
    if (character === "'") return this.#quoted("'", false);
    if (character === '"') return this.#quoted('"', false);
    if (character === '-' && this.#text.startsWith('--', this.#at)) return this.#comment();
    if (character === '/' && this.#text.startsWith('/*', this.#at)) return this.#blockComment();
    if (character === '$') return this.#dollar();
    if (LETTER.test(character)) return this.#word();
    if (character === '(') this.#parentheses++;
    if (character === ')') this.#parentheses--;
    this.#at++;
    return true;
  }

  #quoted(quote: string, hasEscapes: boolean): boolean {
    for (let at = this.#at + 1; at < this.#text.length; at++) {
      const character = this.#text.charAt(at);
      if (hasEscapes && character === '\\') at++;
      else if (character === quote) {
        // two of them are one within the quotes
        if (this.#text.charAt(at + 1) === quote) at++;
        else {
          this.#at = at + 1;
          return true;
        }
      }
    }
    return false;
  }

  #comment(): boolean {
    const end = lineEnd(this.#text, this.#at);
    this.#at = end;
    return end < this.#text.length;
  }

  #blockComment(): boolean {
    let depth = 0;
    for (let at = this.#at; at < this.#text.length - 1; at++) {
      const pair = this.#text.slice(at, at + 2);
      if (pair !== '/*' && pair !== '*/') continue;
      depth += pair === '/*' ? 1 : -1;
      at++;
      if (depth > 0) continue;
      this.#at = at + 1;
      return true;
    }
    return false;
  }

  #dollar(): boolean {
    const tag = /^\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$/.exec(
      this.#text.slice(this.#at, this.#at + 130),
    )?.[0];
    if (tag === undefined) {
      this.#at++;
      return this.#at < this.#text.length;
    }
    const end = this.#text.indexOf(tag, this.#at + tag.length);
    if (end < 0) return false;
    this.#at = end + tag.length;
    return true;
  }

  #word(): boolean {
    let end = this.#at + 1;
    while (end < this.#text.length && WORD.test(this.#text.charAt(end))) end++;
    const word = this.#text.slice(this.#at, end).toLowerCase();
    this.#at = end;
    if (word === 'e' && this.#text.charAt(end) === "'") return this.#quoted("'", true);
    if (this.#words.length < 4) this.#words.push(word);
    if (this.#parentheses === 0) this.#countBlocks(word);
    return end < this.#text.length;
  }

  /** psql counts `BEGIN`, `CASE` and `END` in CREATE FUNCTION and CREATE PROCEDURE alone. */
  #countBlocks(word: string): void {
    const [create, second, , fourth] = this.#words;
    const kind = second === 'or' ? fourth : second;
    if (create !== 'create' || (kind !== 'function' && kind !== 'procedure')) return;
    if (word === 'begin') this.#blocks++;
    else if (word === 'case' && this.#blocks > 0) this.#blocks++;
    else if (word === 'end' && this.#blocks > 0) this.#blocks--;
  }
}
