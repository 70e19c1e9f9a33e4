// What `clearway doctor` and the reference need to know of this process's variables: reads nothing by itself.
export { workerEnvironment as processEnvironment } from './environment-shape.ts';
export { readWorkerEnvironment as readProcessEnvironment } from './env.ts';
