import { AppError } from './errors.ts';

export interface Deadline {
  /** Aborts with OUTBOUND_TIMEOUT, or with the reason of the caller's own signal. */
  readonly signal: AbortSignal;
  end(): void;
}

export function startDeadline(timeoutMs: number, own: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  const fail = () =>
    controller.abort(new AppError('OUTBOUND_TIMEOUT', `there was no complete answer within ${timeoutMs} ms`));
  const timer = setTimeout(fail, timeoutMs);
  timer.unref(); // an answer that nobody reads must not keep the program from ending
  return {
    signal: own ? AbortSignal.any([own, controller.signal]) : controller.signal,
    end: () => clearTimeout(timer),
  };
}

/**
 * Puts the limits on the body of an answer. Bytes are counted after content decoding, so that a small answer which
 * unpacks to a huge one (a decompression bomb) ends as early as any other.
 * @param onEnd called once, when nothing more comes
 * @throws RESPONSE_TOO_LARGE at once when the answer says that it is
 */
export async function limitResponse(
  response: Response,
  maxBytes: number,
  method: string,
  onEnd: () => void,
): Promise<Response> {
  if (!response.body || method === 'HEAD') {
    onEnd();
    return response;
  }
  const declared = Number(response.headers.get('content-length') ?? 0);
  if (!response.headers.has('content-encoding') && declared > maxBytes) {
    onEnd();
    await response.body.cancel();
    throw new AppError('RESPONSE_TOO_LARGE', `the answer has ${declared} bytes; at most ${maxBytes} are taken`);
  }
  return replaceBody(response, limitBody(response, maxBytes, onEnd));
}

/**
 * Refers to the whole answer: undici ends the stream of one that was forgotten unread. For the same reason it is not
 * locked before it is read, nor is anything read before somebody asks for it.
 */
function limitBody(response: Response, maxBytes: number, onEnd: () => void): Body {
  let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
  let bytes = 0;
  const open = () => {
    reader ??= (response.body as Body).getReader();
    return reader;
  };
  const source = {
    async pull(controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>) {
      const part = await open()
        .read()
        .catch((error: unknown) => {
          onEnd();
          throw findAppError(error) ?? error;
        });
      if (part.done) {
        onEnd();
        controller.close();
        return;
      }
      bytes += part.value.byteLength;
      if (bytes > maxBytes) {
        onEnd();
        await open().cancel();
        throw new AppError('RESPONSE_TOO_LARGE', `the answer has more than ${maxBytes} bytes, which is the limit`);
      }
      controller.enqueue(part.value);
    },
    async cancel(reason: unknown) {
      onEnd();
      await open().cancel(reason);
    },
  };
  return new ReadableStream(source, { highWaterMark: 0 });
}

type Body = ReadableStream<Uint8Array<ArrayBuffer>>;

// A Response cannot be given another body; what its constructor does not take is carried over by hand.
function replaceBody(response: Response, body: Body): Response {
  const { status, ok, url, redirected, statusText, headers } = response;
  const limited = new (response.constructor as typeof Response)(body, { statusText, headers });
  return Object.defineProperties(limited, {
    status: { value: status },
    ok: { value: ok },
    url: { value: url },
    redirected: { value: redirected },
  });
}

/** undici wraps whatever ended a connection: TypeError "fetch failed" → cause. */
export function findAppError(error: unknown, depth = 0): AppError | undefined {
  if (error instanceof AppError) return error;
  return error instanceof Error && depth < 5 ? findAppError(error.cause, depth + 1) : undefined;
}
