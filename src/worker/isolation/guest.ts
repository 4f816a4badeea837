import type { HostChannel } from './protocol.ts';

/** A thread or child process that runs one handler, as the host sees it. */
export interface Guest {
  /** For log lines: `thread` or `child process`. */
  readonly what: string;
  readonly channel: HostChannel;
  /** Resolves when it runs nothing any more and everything that it said has been heard, with what became of it. */
  readonly gone: Promise<HandlerLostError>;
  /** Ends it by force. */
  kill(): void;
}

/** Where guests come from. */
export interface GuestHouse {
  open(): Guest;
  /** Ends what is left, within some seconds. */
  stop(): Promise<void>;
}

/** The thread or process of a handler ended before the handler did. Another attempt may help. */
export class HandlerLostError extends Error {
  override name = 'HandlerLostError';
  readonly code: string | undefined;
  constructor(message: string, options: ErrorOptions & { code?: string } = {}) {
    super(message, options);
    this.code = options.code;
  }
}
