#!/usr/bin/env node
// Readable by any Node: the version is looked at before anything modern is loaded.
var major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    'clearway needs Node 24 or newer, and this is ' +
      process.version +
      ': run it as `npx clearway` in the clone, which brings its own, or install Node 24.',
  );
  process.exit(1);
}
import('./run.js');
