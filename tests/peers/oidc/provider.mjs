// An OAuth server that nobody here wrote, with Salesforce's paths and the fields that it adds to its answers. Everybody who
// comes is logged in and allows everything. Reads {clientId, clientSecret, callback} from standard input, writes its
// address, and ends when standard input does.
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

import Provider from "oidc-provider";

const ORG = "00Dxx0000001gPLEAY";
const USER = "005xx000001SwiUAAS";

const lines = createInterface({ input: process.stdin });
const { clientId, clientSecret, callback } = JSON.parse((await lines[Symbol.asyncIterator]().next()).value);

const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [{
    client_id: clientId,
    client_secret: clientSecret,
    redirect_uris: [callback],
    grant_types: ["authorization_code", "refresh_token"],
    token_endpoint_auth_method: "client_secret_post",
  }],
  routes: {
    authorization: "/services/oauth2/authorize",
    token: "/services/oauth2/token",
    revocation: "/services/oauth2/revoke",
    introspection: "/services/oauth2/introspect",
    userinfo: "/services/oauth2/userinfo",
    jwks: "/id/keys",
  },
  scopes: ["openid", "api", "refresh_token", "offline_access"],
  features: { devInteractions: { enabled: false }, introspection: { enabled: true }, revocation: { enabled: true } },
  pkce: { required: () => true },
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
});

// What Salesforce says besides the standard.
provider.use(async (ctx, next) => {
  await next();
  const route = ctx.oidc?.route;
  if (ctx.status !== 200) return;
  if (route === "token") {
    const [id, issued_at] = [`${issuer}/id/${ORG}/${USER}`, String(Date.now())];
    const signature = createHmac("sha256", clientSecret).update(id + issued_at).digest("base64");
    const { expires_in, ...body } = ctx.body;
    ctx.body = { ...body, instance_url: issuer, id, issued_at, signature };
  } else if (route === "userinfo") {
    ctx.body = { ...ctx.body, organization_id: ORG, user_id: USER, preferred_username: "ana@certified.example" };
  }
});

server.on("request", async (request, response) => {
  if (!request.url.startsWith("/interaction/")) return provider.callback()(request, response);
  const { prompt, params, grantId, session } = await provider.interactionDetails(request, response);
  if (prompt.name === "login") {
    return provider.interactionFinished(request, response, { login: { accountId: `${issuer}/id/${ORG}/${USER}` } });
  }
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
});

console.log(JSON.stringify({ issuer }));
lines.on("close", () => process.exit(0));
