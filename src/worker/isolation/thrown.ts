import { AppError } from '../../shared/errors.ts';
import { messageOf } from '../../shared/failure.ts';

/** Something that was thrown, as it can be sent. */
export type Thrown = PackedError | { kind: 'value'; value: unknown };

interface PackedError {
  kind: 'error';
  name: string;
  message: string;
  stack: string | undefined;
  cause: Thrown | undefined;
  /** Its own properties that can be sent, such as `code`, or `delayMs` of the signals of a handler. */
  fields: Record<string, unknown>;
}

const MAX_CAUSES = 5;
const OWN = ['name', 'message', 'stack', 'cause'];

/** Makes anything that was thrown fit to be sent. Never throws. */
export function pack(thrown: unknown): Thrown {
  try {
    return packAt(thrown, 0);
  } catch {
    return { kind: 'value', value: messageOf(thrown) }; // a getter or a proxy that throws
  }
}

function packAt(thrown: unknown, depth: number): Thrown {
  if (!(thrown instanceof Error)) return { kind: 'value', value: isSendable(thrown) ? thrown : messageOf(thrown) };
  const { code } = thrown as { code?: unknown };
  const own = Object.entries({ ...(code === undefined ? {} : { code }), ...thrown });
  return {
    kind: 'error',
    name: String(thrown.name),
    message: String(thrown.message),
    stack: typeof thrown.stack === 'string' ? thrown.stack : undefined,
    cause: thrown.cause === undefined || depth >= MAX_CAUSES ? undefined : packAt(thrown.cause, depth + 1),
    fields: Object.fromEntries(own.filter(([key, value]) => !OWN.includes(key) && isSendable(value))),
  };
}

function isSendable(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes what {@link pack} took apart. An error has its name, message, stack, cause and properties, and the class
 * `AppError` or `Error`: those of handlers are recognised by name.
 */
export function unpack(thrown: Thrown): unknown {
  if (thrown.kind === 'value') return thrown.value;
  const { name, message, stack, cause, fields } = thrown;
  const error = new Error(message, cause === undefined ? undefined : { cause: unpack(cause) });
  if (name === 'AppError') Object.setPrototypeOf(error, AppError.prototype);
  Object.assign(error, fields);
  Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true });
  Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true });
  return error;
}
