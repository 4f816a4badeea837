import type { Dispatcher } from 'undici';

/** What a server elsewhere may see of a request that was redirected to it: how to answer, and no secret. */
const harmlessHeaders: ReadonlySet<string> = new Set([
  ...[
    'accept',
    'accept-charset',
    'accept-encoding',
    'accept-language',
    'cache-control',
    'pragma',
    'range',
    'user-agent',
  ],
  ...['content-encoding', 'content-language', 'content-length', 'content-location', 'content-type'],
  ...['if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since', 'sec-fetch-mode'],
]);

export interface Hops {
  slots: HostSlots;
  /** Of the URL that was asked for. */
  origin: string;
  /** Ends waiting for a slot. */
  signal: AbortSignal;
}

/**
 * What each request of one `fetch` goes through, also those that follow a redirect: it waits until its host has a free
 * slot, and from the first other origin on it carries harmless headers alone. fetch itself drops `authorization` and `cookie`
 * there, but not `x-api-key` and the like.
 */
export function createHopInterceptor({ slots, origin, signal }: Hops): Dispatcher.DispatcherComposeInterceptor {
  let hasLeft = false;
  return (dispatch) => (options, handler) => {
    const target = new URL(String(options.origin));
    hasLeft ||= target.origin !== origin;
    const sent = hasLeft ? { ...options, headers: keepHarmless(options.headers) } : options;
    let hasEnded = false;
    const release = () => {
      if (!hasEnded) slots.leave(target.hostname);
      hasEnded = true;
    };
    const giveUp = () => {
      if (wait.cancel()) handler.onResponseError?.(NO_CONTROLLER, signal.reason);
    };
    const wait = slots.enter(target.hostname, () => {
      signal.removeEventListener('abort', giveUp);
      dispatch(sent, tellEnd(handler, release));
    });
    if (wait.isWaiting) signal.addEventListener('abort', giveUp, { once: true });
    return true;
  };
}

// undici itself passes null when a request ends before it has begun.
const NO_CONTROLLER = null as unknown as Dispatcher.DispatchController;

function tellEnd(handler: Dispatcher.DispatchHandler, onEnd: () => void): Dispatcher.DispatchHandler {
  return {
    onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
    onRequestUpgrade: (controller, status, headers, socket) =>
      handler.onRequestUpgrade?.(controller, status, headers, socket),
    onResponseStarted: () => handler.onResponseStarted?.(),
    onResponseStart: (controller, status, headers, text) =>
      handler.onResponseStart?.(controller, status, headers, text),
    onResponseData: (controller, chunk) => handler.onResponseData?.(controller, chunk),
    onResponseEnd(controller, trailers) {
      onEnd();
      handler.onResponseEnd?.(controller, trailers);
    },
    onResponseError(controller, error) {
      onEnd();
      handler.onResponseError?.(controller, error);
    },
  };
}

function keepHarmless(headers: unknown): Record<string, string> {
  const entries = Object.entries((headers ?? {}) as Record<string, string>);
  return Object.fromEntries(entries.filter(([name]) => harmlessHeaders.has(name.toLowerCase())));
}

export interface SlotWait {
  readonly isWaiting: boolean;
  /** @returns false when it has begun already */
  cancel(): boolean;
}

interface Host {
  used: number;
  /** In the order in which they came. */
  readonly waiting: Set<() => void>;
}

/** Counts the requests that are under way to each host, whatever its port or protocol. Those beyond `limit` wait their turn. */
export class HostSlots {
  readonly #limit: number;
  readonly #hosts = new Map<string, Host>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Each `begin` that is called needs a `leave`. */
  enter(name: string, begin: () => void): SlotWait {
    const host = this.#hosts.get(name) ?? { used: 0, waiting: new Set() };
    this.#hosts.set(name, host);
    if (host.used >= this.#limit) {
      host.waiting.add(begin);
      return { isWaiting: true, cancel: () => host.waiting.delete(begin) };
    }
    host.used += 1;
    begin();
    return { isWaiting: false, cancel: () => false };
  }

  leave(name: string): void {
    const host = this.#hosts.get(name);
    if (!host) return;
    const [next] = host.waiting;
    if (next) {
      host.waiting.delete(next);
      queueMicrotask(next); // not from within the end of another request: thousands that fail at once would nest
    } else {
      host.used -= 1;
      if (host.used === 0) this.#hosts.delete(name);
    }
  }
}
