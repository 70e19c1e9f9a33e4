import { afterEach } from '@jest/globals';
import http from 'node:http';
import type { Server } from 'node:net';
import type { GatewayUnderTest } from './gateway-under-test.ts';

const opened: (GatewayUnderTest | Server)[] = [];
/** Waits for what is being opened and closes it after the test, last opened first. */
export const open = async <T extends GatewayUnderTest | Server>(opening: Promise<T>): Promise<T> => {
  const thing = await opening;
  opened.push(thing);
  return thing;
};
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) {
    if ('gateway' in thing) await thing.close();
    else {
      thing.close();
      if (thing instanceof http.Server) thing.closeAllConnections();
    }
  }
});
