import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Express, Response } from 'express';
import helmet from 'helmet';

const { ServerResponse: NodeResponse } = process.getBuiltinModule('node:http'); // as in server.ts

type WriteHead = (
  this: ServerResponse,
  status: number,
  ...rest: (string | OutgoingHttpHeaders | OutgoingHttpHeader[])[]
) => ServerResponse;

/**
 * Gives every answer of an app helmet's headers, except for those that it sets itself. They are always the same, so they
 * are made once, and added where Node writes the head of whatever is sent.
 */
export function secureAnswers(app: Express): void {
  app.disable('x-powered-by');
  const secured = listHeaders();
  const asList = secured.flat();
  const writeHead = NodeResponse.prototype.writeHead as WriteHead;
  const writeSecuredHead: WriteHead = function (status, ...rest) {
    const [headers] = rest;
    // Only our own answers come as a list, which never names one of these.
    if (Array.isArray(headers)) return writeHead.call(this, status, [...asList, ...headers]);
    for (const [name, value] of secured) if (!this.hasHeader(name)) this.setHeader(name, value);
    return writeHead.call(this, status, ...rest);
  };
  app.response.writeHead = writeSecuredHead as Response['writeHead'];
}

function listHeaders(): [name: string, value: string][] {
  const headers: [name: string, value: string][] = [];
  const recorder = { setHeader: (name: string, value: string) => headers.push([name, value]), removeHeader: () => {} };
  // Where plain HTTP is spoken there is nothing to upgrade to.
  const secure = helmet({ contentSecurityPolicy: { directives: { 'upgrade-insecure-requests': null } } });
  secure({} as IncomingMessage, recorder as unknown as ServerResponse, () => {});
  return headers;
}
