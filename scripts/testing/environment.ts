import { TestEnvironment as NodeEnvironment } from 'jest-environment-node';

/**
 * Jest's environment for Node, in which the processes that a test starts write down what they executed. Node passes
 * NODE_V8_COVERAGE on to every child of a process in whose environment it stands, and measures the process itself
 * only when it stood there at its start.
 */
export default class TestEnvironment extends NodeEnvironment {
  constructor(...args: ConstructorParameters<typeof NodeEnvironment>) {
    const directory = process.env['CLEARWAY_CHILD_COVERAGE'];
    if (directory) process.env['NODE_V8_COVERAGE'] = directory;
    super(...args);
  }
}
