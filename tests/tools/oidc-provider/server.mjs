// A real OpenID provider on loopback for the tests: client credentials, tokens as JWT and opaque, introspection.
//
//   node server.mjs FOLDER-OF-TOOLS    in a folder with setup.json; descriptor 0 is the bound socket to listen on
//
// setup.json: issuer, audience, certificate, key, ca (files), lifetime (seconds), keys (of JWKs to publish; the first
// one signs) and clients (as oidc-provider takes them, and `roles` beside). It is read again at SIGHUP. A key that
// does not exist yet is made and kept in keys.json, and opaque tokens are kept in tokens.json, so that a provider that
// is started again still has them.
//
// It prints one line when it is ready, `ready k1 k2`, and one for each request, `POST /token`; never a token.

import * as crypto from 'node:crypto';
import * as fs from 'node:fs';
import * as https from 'node:https';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';

const tools = createRequire(path.join(process.argv[2], 'package.json'));
const { default: Provider, errors } = await import(pathToFileURL(tools.resolve('oidc-provider')));

const KEYS = 'keys.json';
const TOKENS = 'tokens.json';
const FORMATS = { 'urn:monward:jwt': 'jwt', 'urn:monward:opaque': 'opaque' };

const read = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));
const kept = (file) => (fs.existsSync(file) ? read(file) : {});
const keep = (file, value) => fs.writeFileSync(file, JSON.stringify(value), { mode: 0o600 });

// At once, so that no line is lost when the process is killed.
const say = (line) => fs.writeSync(1, `${line}\n`);

function made({ kid, alg }) {
  const { privateKey } = alg.startsWith('ES')
    ? crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
}

function keySet(wanted) {
  const known = kept(KEYS);
  for (const key of wanted) known[key.kid] ??= made(key);
  keep(KEYS, known);
  return wanted.map(({ kid }) => known[kid]);
}

const tokens = kept(TOKENS);

// As much of a database as client credentials need.
class Store {
  constructor(model) {
    this.key = (id) => `${model}:${id}`;
  }

  async upsert(id, payload) {
    tokens[this.key(id)] = payload;
    keep(TOKENS, tokens);
  }

  async find(id) {
    return tokens[this.key(id)];
  }

  async destroy(id) {
    delete tokens[this.key(id)];
    keep(TOKENS, tokens);
  }
}

function provider(setup) {
  const roles = new Map(setup.clients.map((client) => [client.client_id, client.roles]));
  const clients = setup.clients.map(({ roles: _, ...client }) => ({
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    ...client,
  }));
  const resource = (indicator) => {
    const accessTokenFormat = FORMATS[indicator];
    if (accessTokenFormat === undefined) throw new errors.InvalidTarget();
    const { kid, alg } = setup.keys[0];
    return { scope: '', audience: setup.audience, accessTokenFormat, jwt: { sign: { kid, alg } } };
  };
  return new Provider(setup.issuer, {
    adapter: Store,
    clients,
    clientDefaults: { id_token_signed_response_alg: setup.keys[0].alg },
    jwks: { keys: keySet(setup.keys) },
    cookies: { keys: ['no browser comes here'] },
    ttl: { ClientCredentials: setup.lifetime },
    extraTokenClaims: (_, token) => ({ roles: roles.get(token.clientId) }),
    clientAuthMethods: ['client_secret_basic', 'tls_client_auth'],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: () => true },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        tlsClientAuth: true,
        getCertificate: (ctx) => ctx.socket.getPeerX509Certificate(),
        certificateAuthorized: (ctx) => ctx.socket.authorized,
        certificateSubjectMatches: (ctx, property, expected) => property === 'tls_client_auth_san_dns'
          && ctx.socket.getPeerX509Certificate()?.checkHost(expected, { subject: 'never' }) !== undefined,
      },
      revocation: { enabled: true },
      resourceIndicators: { enabled: true, getResourceServerInfo: (_, indicator) => resource(indicator) },
    },
  });
}

let answer;

function begin() {
  const setup = read('setup.json');
  const next = provider(setup);
  next.on('server_error', (_, error) => console.error(error));
  answer = next.callback();
  return setup;
}

const setup = begin();
const published = ({ keys }) => say(['ready', ...keys.map(({ kid }) => kid)].join(' '));
const tls = {
  cert: fs.readFileSync(setup.certificate),
  key: fs.readFileSync(setup.key),
  ca: fs.readFileSync(setup.ca),
  requestCert: true,
  rejectUnauthorized: false,
};
const server = https.createServer(tls, (request, response) => {
  say(`${request.method} ${request.url.split('?')[0]}`);
  answer(request, response);
});
process.on('SIGHUP', () => published(begin()));
server.listen({ fd: 0 }, () => published(setup));
