// An authorization server (oidc-provider, from npm) and an API that it protects, for scripts/doctor_oidc_provider.py.
//
//     node oidc_provider.mjs
//
// Prints {"api": origin, "issuer": origin}. POST /fault on the API with the name of a fault as body switches it on;
// an empty body switches it off, `forget-clients` removes every registered client.
import { once } from 'node:events';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

let fault = '';
const stored = new Map();

class MemoryAdapter {
  constructor(kind) { this.kind = kind; }
  key(id) { return `${this.kind}:${id}`; }
  async upsert(id, payload) { stored.set(this.key(id), { ...payload }); }
  async find(id) { return stored.get(this.key(id)); }
  async findBy(name, value) {
    return [...stored].find(([key, payload]) => key.startsWith(`${this.kind}:`) && payload[name] === value)?.[1];
  }
  async findByUid(uid) { return this.findBy('uid', uid); }
  async findByUserCode(code) { return this.findBy('userCode', code); }
  async consume(id) { stored.get(this.key(id)).consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { stored.delete(this.key(id)); }
  async revokeByGrantId(grantId) {
    for (const [key, payload] of stored) if (payload.grantId === grantId) stored.delete(key);
  }
}

async function listen(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${server.address().port}`;
}

const idp = createServer((request, response) => handleSignIn(request, response));
const issuer = await listen(idp);
const api = createServer((request, response) => handleApi(request, response));
const origin = await listen(api);
const resource = `${origin}/api/v1`;
const scopes = ['openid', 'profile', 'email', 'offline_access'];

const provider = new Provider(issuer, {
  adapter: MemoryAdapter,
  scopes,
  claims: { openid: ['sub'], email: ['email'], profile: ['name'] },
  cookies: { keys: ['only for this test'] },
  features: {
    registration: { enabled: true },
    registrationManagement: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: async () => ({ scope: scopes.join(' '), accessTokenFormat: 'opaque' }),
    },
  },
  findAccount: async (_context, id) => ({ accountId: id, claims: async () => ({ sub: id, email: `${id}@example.com` }) }),
});
provider.use(async (context, next) => {
  if (fault === 'unavailable-token' && context.path === '/token') {
    context.status = 503;
    return;
  }
  await next();
  if (context.path.startsWith('/.well-known/') && context.body?.issuer) {
    const document = { ...context.body };
    if (fault === 'no-registration') delete document.registration_endpoint;
    if (fault === 'wrong-issuer') document.issuer = 'https://evil.example';
    if (fault === 'no-pkce') delete document.code_challenge_methods_supported;
    context.body = document;
  }
});
const handleSignIn = provider.callback();

async function handleApi(request, response) {
  const send = (status, body, headers = {}) => {
    if (fault === 'clock') {
      response.sendDate = false;
      headers.Date = new Date(Date.now() + 3_600_000).toUTCString();
    }
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
  if (request.url === '/fault') {
    let name = '';
    for await (const chunk of request) name += chunk;
    if (name === 'forget-clients') {
      for (const key of stored.keys()) if (key.startsWith('Client:')) stored.delete(key);
    } else {
      fault = name;
    }
    return send(200, {});
  }
  if (request.url === '/.well-known/oauth-protected-resource/api/v1') {
    return send(200, { resource, authorization_servers: [issuer], scopes_supported: scopes });
  }
  if (request.url === '/stored') {
    return send(200, [...stored.keys()]);
  }
  const token = await provider.AccessToken.find((request.headers.authorization ?? '').replace(/^Bearer /, ''));
  if (!token) {
    const challenge = `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/api/v1"`;
    return send(401, { error: { code: 'unauthorized', message: 'sign in' } }, { 'WWW-Authenticate': challenge });
  }
  return send(200, { user: { id: token.accountId, email: `${token.accountId}@example.com` } });
}

console.log(JSON.stringify({ api: origin, issuer }));
