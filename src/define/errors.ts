/** Throw it when another attempt cannot help: the job fails at once with reason `non_retryable`. */
export class NonRetryableError extends Error {
  override name = 'NonRetryableError';
}

/** Throw it to choose when the next attempt starts, e.g. after a `Retry-After` header. Counts as a failed attempt. */
export class RetryLaterError extends Error {
  override name = 'RetryLaterError';
  readonly delayMs: number;
  constructor(message: string, delayMs: number, options?: ErrorOptions) {
    super(message, options);
    this.delayMs = delayMs;
  }
}

/** What {@link snooze} throws. */
export class SnoozeSignal extends Error {
  override name = 'SnoozeSignal';
  readonly delayMs: number;
  constructor(delayMs: number) {
    super(`snoozed for ${delayMs} ms`);
    this.delayMs = delayMs;
  }
}

/**
 * Ends the run and starts the job again after `delayMs`, without counting an attempt and without holding a slot.
 * @param delayMs 0 to 2,147,483,647
 */
export function snooze(delayMs: number): never {
  if (!Number.isInteger(delayMs) || delayMs < 0 || delayMs > 2_147_483_647) {
    throw new RangeError(`snooze takes whole milliseconds from 0 to 2147483647, not ${delayMs}`);
  }
  throw new SnoozeSignal(delayMs);
}

/** What a pipeline gets for a step that did not complete. The pipeline fails with it, unless it is caught. */
export class StepError extends Error {
  override name = 'StepError';
  /** The key of the step; that of one of many ends with its index, e.g. `video:image#1[3]`. */
  readonly step: string;
  readonly type: string;
  readonly jobId: string;
  readonly status: 'failed' | 'cancelled' | 'expired';
  readonly reason: string | null;
  constructor(
    message: string,
    about: Pick<StepError, 'step' | 'type' | 'jobId' | 'status' | 'reason'>,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.step = about.step;
    this.type = about.type;
    this.jobId = about.jobId;
    this.status = about.status;
    this.reason = about.reason;
  }
}

/** The code of a pipeline does not fit what an earlier run of it recorded; it fails with reason `pipeline_changed`. */
export class PipelineChangedError extends Error {
  override name = 'PipelineChangedError';
}

/** The signals of a handler are recognised by name, so that two copies of the package understand each other. */
export function isSignal<T extends Error>(thrown: unknown, kind: { prototype: T; name: string }): thrown is T {
  return thrown instanceof Error && thrown.name === kind.name;
}
