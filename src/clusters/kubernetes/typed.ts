import {
  AuthorizationV1Api,
  CoreV1Api,
  createConfiguration,
  ResponseContext,
  ServerConfiguration,
  VersionApi,
  wrapHttpLibrary,
} from '@kubernetes/client-node';
import type { RequestContext } from '@kubernetes/client-node';
import { unreadableAnswer } from './errors.ts';
import { errorFromTransport } from './failures.ts';
import type { Request, Transport } from './transport.ts';

/** Client-node's typed APIs, for requests whose answers are not stored, because they drop unknown fields. */
export interface TypedApis {
  core: CoreV1Api;
  authorization: AuthorizationV1Api;
  version: VersionApi;
}

/** Never connected to: the transport has the real address and uses only the path and query. */
const placeholder = 'https://cluster.invalid';

export function typedApis(transport: Transport): TypedApis {
  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(placeholder, {}),
    httpApi: wrapHttpLibrary({ send: (request) => send(transport, request) }),
    authMethods: {},
  });
  return {
    core: new CoreV1Api(configuration),
    authorization: new AuthorizationV1Api(configuration),
    version: new VersionApi(configuration),
  };
}

/** Answers other than success are turned into our errors before client-node sees them, because its errors contain headers. */
async function send(transport: Transport, request: RequestContext): Promise<ResponseContext> {
  const url = new URL(request.getUrl());
  const body = request.getBody();
  if (body !== undefined && typeof body !== 'string') throw new Error('only text can be sent to a cluster');
  const headers = request.getHeaders();
  const isLog = url.pathname.endsWith('/log');
  const answer = await transport.send({
    method: request.getHttpMethod() as Request['method'],
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    ...(body === undefined ? {} : { body, contentType: headers['Content-Type'] ?? 'application/json' }),
    // A log is text, and everything else is JSON. Client-node would otherwise accept formats that it cannot parse.
    accept: isLog ? '*/*' : 'application/json',
  });
  const text = answer.body.toString('utf8');
  const headersForDecoding = { 'content-type': isLog ? 'text/plain' : 'application/json' };
  return new ResponseContext(answer.status, headersForDecoding, {
    text: () => Promise.resolve(text),
    binary: () => Promise.resolve(answer.body),
    stream: () => null,
  });
}

/** Converts client-node's own errors for answers that do not match its types. */
export async function typed<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    throw error instanceof SyntaxError ? unreadableAnswer('it is not JSON') : errorFromTransport(error);
  }
}
