// A bug on demand: reading the parameters of a query that asks for it throws.
const { URLSearchParams } = globalThis;
globalThis.URLSearchParams = class extends URLSearchParams {
  constructor(init) {
    if (init === 'throw-on-demand') throw new TypeError('nobody expected this');
    super(init);
  }
};
