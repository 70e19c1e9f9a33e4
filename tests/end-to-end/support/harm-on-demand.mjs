// Bugs on demand, within the handling of a request: ones that keep the event loop, for a while or for good, and a leak.
import { subscribe } from 'node:diagnostics_channel';

const kept = [];

function spinForEver() {
  for (;;);
}

function leak() {
  for (let i = 0; i < 50_000; i++) kept.push({ text: `leaked ${kept.length}` });
}

function computeForHalfASecond() {
  const endMs = Date.now() + 500;
  while (Date.now() < endMs);
}

subscribe('undici:request:create', ({ request }) => {
  if (request.path.startsWith('/spin')) spinForEver();
  if (request.path.startsWith('/leak')) leak();
  if (request.path.startsWith('/compute')) computeForHalfASecond();
});
