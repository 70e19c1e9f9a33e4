import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Branch {
  id: string;
  project_id: string;
  parent_id?: string;
  name: string;
  default: boolean;
  protected: boolean;
  current_state: string;
  logical_size: number;
  created_at: string;
  updated_at: string;
  /** What the branch holds; not part of the API. */
  data: string;
}

const MOST_PER_PAGE = 3;

/** What a test makes the server do. */
export interface NeonFaults {
  /** Requests that change something are answered 423 so often. */
  lockedTimes: number;
  /** All requests are answered 429 so often. */
  limitedTimes: number;
  /** The next change is made, and its connection closed without an answer. */
  losesAnswer: boolean;
  /** The operations of the next change fail, for good or once: the real one tries again by itself. */
  failsOperations: boolean | 'once';
  /** So many branches there may be. */
  mostBranches: number;
}

/**
 * A server that speaks the wire format of the API of Neon for one project, and refuses what the real one refuses: another
 * key, an unknown project or branch, changes while an operation runs, a name twice, too many branches, and the removal of a
 * branch that is the default one or the root, protected, or has children. A page holds fewer branches than were asked for.
 */
export async function startNeonServer(options: { readonly apiKey: string; readonly projectId: string }) {
  const faults: NeonFaults = {
    lockedTimes: 0,
    limitedTimes: 0,
    losesAnswer: false,
    failsOperations: false,
    mostBranches: 5000,
  };
  const branches = new Map<string, Branch>();
  const operations = new Map<string, { polls: number; action: string; branchId: string; fails: boolean | 'once' }>();
  const requests: string[] = [];
  const add = (fields: Partial<Branch> & { name: string }): Branch => {
    const at = new Date().toISOString();
    const branch: Branch = {
      id: `br-${randomBytes(4).toString('hex')}`,
      project_id: options.projectId,
      default: false,
      protected: false,
      current_state: 'ready',
      logical_size: 30_000_000,
      created_at: at,
      updated_at: at,
      data: '',
      ...fields,
    };
    branches.set(branch.id, branch);
    return branch;
  };
  const shown = ({ data: _, ...branch }: Branch) => branch;
  const operation = (action: string, branchId: string) => {
    const id = randomUUID();
    operations.set(id, { polls: 0, action, branchId, fails: faults.failsOperations });
    faults.failsOperations = false;
    return { id, project_id: options.projectId, branch_id: branchId, action, status: 'running', failures_count: 0 };
  };
  const answer = (res: ServerResponse, status: number, body: object, headers = {}): void => {
    if (faults.losesAnswer && status < 300 && res.req.method !== 'GET') {
      faults.losesAnswer = false;
      return void res.socket?.destroy();
    }
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  };
  const refuse = (res: ServerResponse, status: number, message: string, headers = {}, code = ''): void =>
    answer(res, status, { request_id: randomUUID(), code, message }, headers);
  const isNameTaken = (name: string): boolean => [...branches.values()].some((branch) => branch.name === name);

  const handle = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(req.url ?? '/', 'http://neon');
    requests.push(`${req.method} ${pathname}`);
    if (req.headers.authorization !== `Bearer ${options.apiKey}`)
      return refuse(res, 401, 'supplied credentials do not pass authentication');
    if (faults.limitedTimes > 0) {
      faults.limitedTimes--;
      return refuse(res, 429, 'rate limit exceeded', { 'retry-after': '1' });
    }
    const [, api, project, rest = ''] = /^(\/api\/v2)\/projects\/([^/]+)(\/.*)?$/.exec(pathname) ?? [];
    if (api === undefined || project !== options.projectId) return refuse(res, 404, 'project not found');
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const body = (chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : {}) as Record<string, unknown>;

    const [, operationId] = /^\/operations\/([^/]+)$/.exec(rest) ?? [];
    if (operationId !== undefined) {
      const found = operations.get(operationId);
      if (!found) return refuse(res, 404, 'operation not found');
      found.polls++;
      const hasFailed = found.fails === 'once' ? found.polls === 2 : found.fails;
      const status = found.polls < 2 ? 'running' : hasFailed ? 'failed' : 'finished';
      return answer(res, 200, {
        operation: { id: operationId, action: found.action, branch_id: found.branchId, status },
      });
    }
    if (req.method === 'GET' && rest === '/branches') return list(res, searchParams);
    if (faults.lockedTimes > 0) {
      faults.lockedTimes--;
      return refuse(
        res,
        423,
        'project already has running conflicting operations, scheduling of new ones is prohibited',
      );
    }
    if (req.method === 'POST' && rest === '/branches')
      return create(res, body['branch'] as { name?: string; parent_id?: string });
    const [, branchId = '', action] = /^\/branches\/([^/]+?)(\/restore)?$/.exec(rest) ?? [];
    const branch = branches.get(branchId);
    if (!branch) return refuse(res, 404, 'branch not found');
    if (req.method === 'DELETE') return remove(res, branch);
    if (req.method === 'POST' && action !== undefined) return restore(res, branch, body);
    return refuse(res, 405, 'method not allowed');
  };
  const list = (res: ServerResponse, query: URLSearchParams): void => {
    const search = query.get('search') ?? '';
    const limit = Math.min(Number(query.get('limit') ?? 100), MOST_PER_PAGE);
    const found = [...branches.values()].filter(({ name, id }) => name.includes(search) || id === search);
    const from = Number(query.get('cursor') ?? 0);
    const page = found.slice(from, from + limit);
    const next = from + page.length < found.length ? { next: `${from + page.length}` } : {};
    answer(res, 200, {
      branches: page.map(shown),
      annotations: {},
      pagination: { ...next, sort_by: 'updated_at', sort_order: 'DESC' },
    });
  };
  const create = (res: ServerResponse, { name, parent_id }: { name?: string; parent_id?: string } = {}): void => {
    const parent =
      parent_id === undefined ? [...branches.values()].find((each) => each.default) : branches.get(parent_id);
    if (!parent) return refuse(res, 404, 'parent branch not found');
    if (name === undefined || name.length > 256) return refuse(res, 400, 'branch name is not valid');
    if (isNameTaken(name)) return refuse(res, 409, 'branch with the provided name already exists');
    if (branches.size >= faults.mostBranches)
      return refuse(res, 422, 'branches limit exceeded', {}, 'BRANCHES_LIMIT_EXCEEDED');
    const made = add({ name, parent_id: parent.id, data: parent.data });
    answer(res, 201, {
      branch: shown(made),
      endpoints: [],
      operations: [operation('create_branch', made.id)],
      roles: [],
      databases: [],
    });
  };
  const remove = (res: ServerResponse, branch: Branch): void => {
    if (branch.default || branch.parent_id === undefined)
      return refuse(res, 422, 'cannot delete the default branch, nor the root');
    if (branch.protected) return refuse(res, 422, 'cannot delete a protected branch');
    if ([...branches.values()].some(({ parent_id }) => parent_id === branch.id))
      return refuse(res, 422, 'cannot delete a branch that has children');
    branches.delete(branch.id);
    answer(res, 200, { branch: shown(branch), operations: [operation('delete_timeline', branch.id)] });
  };
  const restore = (res: ServerResponse, branch: Branch, body: Record<string, unknown>): void => {
    const source = branches.get(String(body['source_branch_id']));
    if (!source) return refuse(res, 404, 'source branch not found');
    const moment = body['source_timestamp'] ?? body['source_lsn'];
    if (source.id === branch.id && moment === undefined)
      return refuse(res, 400, 'source_timestamp or source_lsn is required');
    const previous = body['preserve_under_name'];
    const hasChildren = [...branches.values()].some(({ parent_id }) => parent_id === branch.id);
    if (hasChildren && typeof previous !== 'string')
      return refuse(res, 422, 'branch has children: preserve_under_name is required');
    if (typeof previous === 'string') {
      if (isNameTaken(previous)) return refuse(res, 409, 'branch with the provided name already exists');
      const kept = add({ name: previous, data: branch.data });
      // its children go with what it was
      for (const child of branches.values()) if (child.parent_id === branch.id) child.parent_id = kept.id;
    }
    branch.data = source.data;
    branch.parent_id = source.id;
    answer(res, 200, { branch: shown(branch), operations: [operation('create_branch', branch.id)] });
  };

  const server = createServer((req, res) => void handle(req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v2`,
    faults,
    requests,
    add,
    branch: (name: string) => [...branches.values()].find((branch) => branch.name === name),
    names: () => [...branches.values()].map(({ name }) => name),
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
