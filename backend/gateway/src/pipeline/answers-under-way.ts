import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The answer that a connection of Node's server is being sent; undefined when there is none. */
export function answerUnderWay(socket: Socket): ServerResponse | undefined {
  return (socket as { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined;
}

/** Calls `next` when no answer is on its way any more; never when the connection ends before. */
export function afterAnswers(socket: Socket, next: () => void): void {
  const answer = answerUnderWay(socket);
  if (!answer) return next();
  answer.once('close', () => {
    if (socket.writable) afterAnswers(socket, next);
  });
}
