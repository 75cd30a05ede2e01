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
import { errorFromTransport, unreadableAnswer } from './failures.ts';
import type { Request, Transport } from './transport.ts';

/** Client-node's typed APIs, for the requests whose answers are not kept: they drop every field that they do not know. */
export interface TypedApis {
  core: CoreV1Api;
  authorization: AuthorizationV1Api;
  version: VersionApi;
}

/** An address that is never connected to: the transport knows the real one, and takes only path and query from here. */
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

/** Every answer that is not a success is an error before client-node sees it, because its own error carries headers in its text. */
async function send(transport: Transport, request: RequestContext): Promise<ResponseContext> {
  const url = new URL(request.getUrl());
  const body = request.getBody();
  if (body !== undefined && typeof body !== 'string') throw new Error('only text is sent to a cluster');
  const headers = request.getHeaders();
  const answer = await transport.send({
    method: request.getHttpMethod() as Request['method'],
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    ...(body === undefined ? {} : { body, contentType: headers['Content-Type'] ?? 'application/json' }),
    // A log is text; everything else is JSON, and client-node would otherwise offer formats that it cannot read back.
    accept: url.pathname.endsWith('/log') ? '*/*' : 'application/json',
  });
  const text = answer.body.toString('utf8');
  const headersForDecoding = { 'content-type': url.pathname.endsWith('/log') ? 'text/plain' : 'application/json' };
  return new ResponseContext(answer.status, headersForDecoding, {
    text: () => Promise.resolve(text),
    binary: () => Promise.resolve(answer.body),
    stream: () => null,
  });
}

/** Client-node throws its own errors where an answer is not what its types say. */
export async function typed<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    throw error instanceof SyntaxError ? unreadableAnswer('it is not JSON') : errorFromTransport(error);
  }
}
