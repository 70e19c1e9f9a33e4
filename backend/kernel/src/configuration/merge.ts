import { isScalar, LineCounter, parseDocument, type Node } from 'yaml';
import { locate, pathText, type Origin, type Path, type Source } from './locate.ts';
import { showValue, type ConfigurationProblem } from './problems.ts';
import { yamlProblem } from './yaml-problem.ts';

/** Reads a file of the configuration: its text, or throws. Relative names are relative to the including file. */
export type ReadFile = (name: string, from?: string) => { readonly name: string; readonly text: string };

const MAX_FILES = 100;
const MAX_ALIASES = 100;

/** What the system says when a file cannot be read, in words. */
const READ_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EISDIR: 'is a folder',
  EACCES: 'may not be read by this account',
};

/** Merges files and remembers where each part was written. */
export class Merge {
  readonly value: Record<string, unknown> = {};
  readonly problems: ConfigurationProblem[] = [];
  readonly files: string[] = [];
  /** Whether something could not be read at all, so that what is there says little about the rest. */
  isUnreadable = false;
  readonly #origins = new Map<string, Origin>();
  readonly #readFile: ReadFile;
  readonly #variables: Readonly<Record<string, string | undefined>>;
  /** Values that came from the environment must never be shown. */
  readonly #fromEnvironment = new Set<string>();
  /** Texts of variables, each with the reference by which it was written. */
  readonly #references = new Map<string, string>();

  constructor(readFile: ReadFile, variables: Readonly<Record<string, string | undefined>>) {
    this.#readFile = readFile;
    this.#variables = variables;
  }

  /** Reads a file and what it includes. What is wrong is added to the problems. */
  addFile(name: string, from?: Origin): void {
    const file = this.#read(name, from);
    if (!file || this.files.includes(file.name)) return;
    this.files.push(file.name);
    if (this.files.length > MAX_FILES) {
      const remedy = 'put the sections of several into one';
      this.#unreadable({ file: file.name, path: 'include', message: `more than ${MAX_FILES} files`, remedy });
      return;
    }
    const lines = new LineCounter();
    const document = parseDocument(file.text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
    const source: Source = { name: file.name, document, lines };
    for (const error of document.errors) this.#unreadable(yamlProblem(error, source));
    if (document.errors.length === 0) this.#addSections(source, from === undefined);
  }

  #read(name: string, from: Origin | undefined): ReturnType<ReadFile> | undefined {
    try {
      return this.#readFile(name, from?.source.name);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const why = READ_ERRORS[code ?? ''] ?? `cannot be read: ${message}`;
      if (from) {
        const remedy = 'correct the name, which is relative to this file, or remove it';
        this.problems.push({ ...locate(from, 'value'), path: 'include', message: `${name} ${why}`, remedy });
      } else {
        const remedy = 'name the configuration file; the shipped one is clearway.yaml';
        this.#unreadable({ file: name, path: '(file)', message: why, remedy });
      }
      return undefined;
    }
  }

  #unreadable(problem: ConfigurationProblem): void {
    this.isUnreadable = true;
    this.problems.push(problem);
  }

  #addSections(source: Source, isMain: boolean): void {
    const content = this.#toValue(source);
    if (content === null || typeof content !== 'object' || Array.isArray(content)) {
      const message = content === null ? 'is empty' : 'expected sections, such as version, upstreams and routes';
      const remedy = "start from the shipped clearway.yaml, or from 'version: 1'";
      this.#unreadable({ file: source.name, line: 1, column: 1, path: '(file)', message, remedy });
      return;
    }
    for (const [section, part] of Object.entries(content)) {
      const origin: Origin = { source, path: [section] };
      if (section === 'include') this.#include(part, origin);
      else if (section === 'version' && !isMain) continue;
      else this.#addSection(section, part, origin);
    }
  }

  #toValue(source: Source): unknown {
    try {
      return this.#resolve(source.document.toJS({ maxAliasCount: MAX_ALIASES }), source, []);
    } catch (error) {
      const { message } = error as Error;
      this.#unreadable({ file: source.name, path: '(file)', message, remedy: `use at most ${MAX_ALIASES} aliases` });
      return {};
    }
  }

  /** Replaces `env:NAME` and `env:NAME:-default`. */
  #resolve(value: unknown, source: Source, path: Path): unknown {
    if (Array.isArray(value)) return value.map((item, i) => this.#resolve(item, source, [...path, i]));
    if (value !== null && typeof value === 'object') {
      const entries = Object.entries(value).map(([k, v]) => [k, this.#resolve(v, source, [...path, k])] as const);
      return Object.fromEntries(entries);
    }
    const match = typeof value === 'string' ? /^env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/.exec(value) : null;
    const name = match?.[1];
    if (name === undefined) return value;
    const text = this.#variables[name] || match?.[2];
    this.#fromEnvironment.add(`${source.name}\0${path.join('\0')}`);
    if (text !== undefined && text === this.#variables[name]) this.#references.set(text, `env:${name}`);
    if (text === undefined || text === '') {
      const message = `the variable ${name} is not set`;
      this.problems.push({
        ...locate({ source, path }, 'value'),
        path: pathText(path),
        message,
        remedy: `set ${name}, or give a default: env:${name}:-value`,
      });
    }
    return text ?? '';
  }

  /** A copy in which each text that came from a variable is the reference to it again. */
  withoutEnvironment(value: unknown): unknown {
    if (typeof value === 'string') return this.#references.get(value) ?? value;
    if (Array.isArray(value)) return value.map((item) => this.withoutEnvironment(item));
    if (!isRecord(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.withoutEnvironment(item)]));
  }

  #include(part: unknown, origin: Origin): void {
    const names = Array.isArray(part) ? part : [part];
    names.forEach((name, i) => {
      const at: Origin = { ...origin, path: Array.isArray(part) ? ['include', i] : ['include'] };
      if (typeof name === 'string') this.addFile(name, at);
      else {
        const message = 'expected the name of a file';
        this.problems.push({ ...locate(at, 'value'), path: 'include', message, remedy: 'include: [routes.yaml]' });
      }
    });
  }

  #addSection(section: string, part: unknown, origin: Origin): void {
    const present = Object.hasOwn(this.value, section) ? this.value[section] : undefined;
    if (present === undefined) {
      this.value[section] = part;
      this.#origins.set(section, origin);
      if (Array.isArray(part)) this.value[section] = [];
      else return this.#rememberKeys(section, part, origin);
    }
    const into = this.value[section];
    if (Array.isArray(into) && Array.isArray(part)) {
      part.forEach((item, i) => {
        this.#origins.set(`${section}\0${into.length}`, { ...origin, path: [section, i] });
        into.push(item);
      });
    } else if (isRecord(into) && isRecord(part)) {
      for (const [key, item] of Object.entries(part)) {
        if (Object.hasOwn(into, key)) this.#definedTwice([section, key], { ...origin, path: [section, key] });
        else into[key] = item;
      }
      this.#rememberKeys(section, part, origin);
    } else this.#definedTwice([section], origin);
  }

  #rememberKeys(section: string, part: unknown, origin: Origin): void {
    if (!isRecord(part)) return;
    for (const key of Object.keys(part)) {
      if (!this.#origins.has(`${section}\0${key}`)) {
        this.#origins.set(`${section}\0${key}`, { ...origin, path: [section, key] });
      }
    }
  }

  #definedTwice(path: Path, origin: Origin): void {
    const first = this.place(path);
    const message = `is already defined in ${first.file}:${first.line ?? 1}`;
    this.problems.push({ ...locate(origin, 'key'), path: pathText(path), message, remedy: 'remove one of the two' });
  }

  /** File, line, column, shown value of a path of the merged configuration. */
  place(
    path: readonly PropertyKey[],
    what: 'value' | 'key' | 'parent' = 'value',
  ): Omit<ConfigurationProblem, 'message' | 'remedy'> {
    const keys = path.map((key) => (typeof key === 'number' ? key : String(key)));
    const head = keys.slice(0, 2);
    const origin = this.#origins.get(head.join('\0')) ?? this.#origins.get(String(keys[0]));
    if (!origin) return { file: this.files[0] ?? '', line: 1, column: 1, path: pathText(keys) };
    const known = this.#origins.has(head.join('\0')) ? 2 : 1;
    const full: Origin = { source: origin.source, path: [...origin.path, ...keys.slice(known)] };
    const value = what === 'value' ? this.#shown(full) : undefined;
    return { ...locate(full, what), path: pathText(keys), ...(value !== undefined && { value }) };
  }

  #shown(origin: Origin): string | undefined {
    const node = origin.source.document.getIn(origin.path, true) as Node | undefined;
    if (!node) return undefined;
    if (this.#fromEnvironment.has(`${origin.source.name}\0${origin.path.join('\0')}`)) {
      return String(isScalar(node) ? node.value : '');
    }
    return showValue(String(origin.path.at(-1)), node.toJS(origin.source.document) as unknown);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
