// What `clearway doctor` and the reference need to know of this process's variables: reads nothing by itself.
export { gatewayEnvironment as processEnvironment } from './environment-shape.ts';
export { readGatewayEnvironment as readProcessEnvironment } from './env.ts';
