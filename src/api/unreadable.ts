import type { Duplex } from 'node:stream';
import { AppError } from '../shared/errors.ts';
import { toProblem } from './problem.ts';

const { STATUS_CODES } = process.getBuiltinModule('node:http'); // as in server.ts

/** How long a client that goes on sending may take to read the answer. */
const LINGER_MS = 2000;

/** Answers what never becomes a request: its head is too large, or no HTTP. */
export function answerUnreadable(fault: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable || fault.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const problem = toProblem(explain(fault));
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  // What is still being sent is read and dropped: closing at once would take the answer back that is on its way.
  socket.removeAllListeners('data').on('data', () => undefined);
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

function explain({ code, message }: Error & { code?: string }): AppError {
  if (code === 'HPE_HEADER_OVERFLOW') return new AppError('HEADERS_TOO_LARGE', 'all headers together are over 16 KiB');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new AppError('REQUEST_TIMEOUT', 'the request did not arrive in time');
  return new AppError('INVALID_REQUEST', `the request is no HTTP that can be read: ${message}`);
}
