import { createServer, type AddressInfo, type Socket } from 'node:net';
import { answersByPath, type Answer } from './answers.ts';

/**
 * The upstream of all servers, on bare sockets so that it costs its core as little as possible: it answers requests
 * without body, one at a time on a connection, and tells its port to the process that forked it.
 */
const answers = answersByPath(Number(process.argv[2]));
const NOT_FOUND: Answer = {
  head: Buffer.from('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'),
  body: Buffer.alloc(0),
};

function serve(socket: Socket): void {
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  let unfinished = '';
  socket.on('data', (chunk: Buffer) => {
    const text = unfinished + chunk.toString('latin1');
    unfinished = text.endsWith('\r\n\r\n') ? '' : text;
    if (unfinished === '') answer(socket, text.slice(text.indexOf(' ') + 1, text.indexOf(' HTTP/')));
  });
}

function answer(socket: Socket, path: string): void {
  const { head, body } = answers.get(path) ?? NOT_FOUND;
  if (body.length === 0) return void socket.write(head);
  socket.cork();
  socket.write(head);
  socket.write(body);
  socket.uncork();
}

const server = createServer(serve);
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('disconnect', () => process.exit());
