// Bugs on demand, within the handling of a request: one that never gives the event loop back, one that never gives memory back.
import { subscribe } from 'node:diagnostics_channel';

const kept = [];

function spinForEver() {
  for (;;);
}

function leak() {
  for (let i = 0; i < 50_000; i++) kept.push({ text: `leaked ${kept.length}` });
}

subscribe('undici:request:create', ({ request }) => {
  if (request.path.startsWith('/spin')) spinForEver();
  if (request.path.startsWith('/leak')) leak();
});
