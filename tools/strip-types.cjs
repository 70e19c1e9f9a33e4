// Jest transform: Node's own type stripping. Keeps every line and column, so no source map is needed.
const { stripTypeScriptTypes } = require('node:module');
const { createHash } = require('node:crypto');

module.exports = {
  canInstrument: false,
  process: (source) => ({ code: stripTypeScriptTypes(source, { mode: 'strip' }) }),
  getCacheKey: (source) => createHash('sha256').update(process.version).update(source).digest('hex'),
};
