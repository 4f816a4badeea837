import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { PipelineChangedError } from '../define/errors.ts';
import type { Step } from '../define/pipeline.ts';
import { type CallRequest, createStep } from '../define/step-calls.ts';
import type { Engine } from '../engine/engine.ts';
import type { RunResult } from '../engine/outcome.ts';
import { recordSteps } from '../engine/pipelines/record-steps.ts';
import { suspendPipeline } from '../engine/pipelines/suspend.ts';
import type { PreparedJob } from '../engine/record-jobs.ts';
import { isAppError } from '../shared/errors.ts';
import { pause } from '../shared/time.ts';
import type { JobRow } from '../store/job-row.ts';
import type { LogLevel, SaidLine } from '../store/journal.ts';
import type { PipelineState, RecordedStep, StepJob } from '../store/pipelines.ts';
import { prepareCall } from './pipeline-call.ts';
import { readResult } from './step-result.ts';

export interface PipelineRunOptions {
  engine: Engine;
  job: JobRow;
  /** Tries a write or a read until the record answers. */
  persist: <T>(work: () => Promise<T>) => Promise<T>;
  /** Stores what the run has said so far. */
  flush: () => Promise<void>;
}

/** How long a run stays after its last step: what ends meanwhile is taken without running anew. */
const LINGER_MS = 20;
/** How long the code may take to come back to a step that it called before: what it waits for meanwhile is not known. */
const COME_BACK_MS = 2000;
const FOREVER_MS = 2_147_483_647;

/** A call that the code waits for. */
interface Call {
  request: CallRequest;
  /** Its place among the calls of this run. */
  turn: number;
  jobs: PreparedJob[];
  settle: { resolve(value: unknown): void; reject(error: unknown): void };
}

/**
 * One run of a pipeline's code. Calls that the record knows are answered from it, in the order in which they were settled
 * the first time; so the code takes the same way. New calls are recorded, and when the code waits for nothing but open
 * steps, the run is suspended.
 */
export class PipelineRun {
  /** What the code calls. */
  readonly step: Step;
  /** Resolves when the run ends other than by its code. */
  readonly ended: Promise<RunResult>;
  readonly #options: PipelineRunOptions;
  readonly #chain: readonly string[];
  readonly #end: (result: RunResult) => void;
  readonly #records = new Map<string, RecordedStep>();
  readonly #jobs = new Map<string, StepJob[]>();
  /** Recorded by an earlier run, and not called by this one yet. */
  readonly #uncalled = new Set<string>();
  /** How often each line is still to be said by this run before it is new. */
  readonly #said = new Map<string, number>();
  readonly #open = new Map<string, Call>();
  #fresh: Call[] = [];
  #checking = 0;
  #turns = 0;
  #positions = 0;
  #wakes = -1;
  #isClosed = false;
  #activity = new AbortController();

  /** Reads what has been recorded. @returns undefined when the run is no longer the newest of its job */
  static async open(options: PipelineRunOptions): Promise<PipelineRun | undefined> {
    const { engine, job, persist } = options;
    const state = await persist(() => engine.store.pipelines.load(job, -1));
    if (!state) return undefined;
    const above = job.stepKey === null ? [] : await persist(() => engine.store.pipelines.ancestorTypes(job.id));
    const said = state.steps.length === 0 ? [] : await persist(() => engine.store.journal.said(job.id));
    return new PipelineRun(options, state, said, [job.type, ...above]);
  }

  private constructor(
    options: PipelineRunOptions,
    state: PipelineState,
    said: readonly SaidLine[],
    chain: readonly string[],
  ) {
    this.#options = options;
    this.#chain = chain;
    const { promise, resolve } = Promise.withResolvers<RunResult>();
    this.ended = promise;
    this.#end = resolve;
    this.#learn(state);
    for (const { level, digest, count } of said) this.#said.set(`${level} ${digest}`, count);
    for (const { key, position } of state.steps) {
      this.#uncalled.add(key);
      this.#positions = Math.max(this.#positions, position + 1);
    }
    this.step = createStep((request) => this.#call(request));
  }

  /** Whether an earlier run has said this line. What follows the last call is told apart from what is new by its text. */
  hasSaid(level: LogLevel, message: string): boolean {
    const line = `${level} ${createHash('md5').update(message).digest('hex')}`;
    const left = this.#said.get(line) ?? 0;
    if (left > 0) this.#said.set(line, left - 1);
    return left > 0 || this.#uncalled.size > 0;
  }

  /** Begins to answer calls; to be called when the code has begun. */
  start(): void {
    this.#drive().catch((error: unknown) =>
      this.#end(isAppError(error, 'STORE_UNAVAILABLE') ? { kind: 'stopped' } : { kind: 'threw', error }),
    );
  }

  close(): void {
    this.#isClosed = true;
    this.#activity.abort();
  }

  /** What is wrong with a return of the code at this moment, if anything. */
  faultOfReturn(): PipelineChangedError | undefined {
    const [key] = this.#uncalled;
    return key === undefined ? undefined : changed(key, 'the code has returned without calling it');
  }

  #call(request: CallRequest): Promise<unknown> {
    const { key } = request;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const call: Call = { request, turn: this.#turns++, jobs: [], settle: { resolve, reject } };
    const record = this.#records.get(key);
    if (record) this.#recall(record, call);
    else void this.#check(call);
    this.#activity.abort();
    return promise;
  }

  #recall(record: RecordedStep, call: Call): void {
    const { key, kind, name, inputHash } = call.request;
    if (record.kind !== kind || record.name !== name) {
      this.#fail(key, `it was ${record.kind} ${record.name}, and is ${kind} ${name} now`);
    } else if (record.inputHash !== inputHash) {
      this.#fail(key, 'it was called with another input');
    } else {
      this.#uncalled.delete(key);
      this.#open.set(key, call);
    }
  }

  async #check(call: Call): Promise<void> {
    const { engine, job } = this.#options;
    this.#checking += 1;
    try {
      call.jobs = await prepareCall(engine, job, this.#chain, call.request);
      this.#fresh.push(call);
    } catch (error) {
      call.settle.reject(error);
    } finally {
      this.#checking -= 1;
      this.#activity.abort();
    }
  }

  async #drive(): Promise<void> {
    while (!this.#isClosed) {
      this.#activity = new AbortController(); // before looking, so that no call is lost
      await letCodeGoOn();
      const call = this.#checking === 0 ? this.#findSettled() : undefined;
      if (call && !this.#isEarly(call)) this.#answer(call);
      else if (this.#checking > 0 || this.#open.size + this.#fresh.length === 0) await this.#idle(FOREVER_MS);
      else if (call) await this.#answerLate(call);
      else if (this.#fresh.length > 0 && this.#uncalled.size > 0) await this.#awaitComeBack();
      else if (this.#fresh.length > 0) await this.#record();
      else if (await this.#idle(this.#uncalled.size > 0 ? COME_BACK_MS : LINGER_MS)) await this.#suspend();
    }
  }

  /** @returns whether nothing was called meanwhile */
  async #idle(ms: number): Promise<boolean> {
    const { signal } = this.#activity;
    await pause(ms, signal);
    if (!signal.aborted) await letCodeGoOn(); // an event loop that was blocked has had no time for the code
    return !signal.aborted && !this.#isClosed;
  }

  async #awaitComeBack(): Promise<void> {
    if (!(await this.#idle(COME_BACK_MS))) return;
    const [key = ''] = this.#uncalled;
    const next = this.#fresh[0]?.request.key;
    const instead = next === undefined ? 'the code does not call it any more' : `the code calls "${next}" instead`;
    this.#fail(key, instead);
  }

  #findSettled(): Call | undefined {
    let first: { call: Call; record: RecordedStep } | undefined;
    for (const [key, call] of this.#open) {
      const record = this.#records.get(key);
      if (record?.settled != null && (!first || isBefore(record, first.record))) first = { call, record };
    }
    return first?.call;
  }

  /** Whether an earlier run called something before it had this answer, and this one has yet to. */
  #isEarly({ request }: Call): boolean {
    const [next = ''] = this.#uncalled; // the first that was called has seen least
    const seen = this.#records.get(next)?.seen ?? Infinity;
    return (this.#records.get(request.key)?.settled ?? 0) > seen;
  }

  // Code that was changed may call that only afterwards, or never.
  async #answerLate(call: Call): Promise<void> {
    if (await this.#idle(COME_BACK_MS)) this.#answer(call);
  }

  #answer({ request, settle }: Call): void {
    const record = this.#records.get(request.key) as RecordedStep;
    this.#open.delete(request.key);
    const result = readResult(record, this.#jobs.get(request.key) ?? []);
    this.#jobs.delete(request.key);
    if (result.ok) settle.resolve(result.value);
    else settle.reject(result.error);
  }

  async #record(): Promise<void> {
    const { engine, job, persist, flush } = this.#options;
    const calls = this.#fresh.sort((a, b) => a.turn - b.turn);
    this.#fresh = [];
    const steps = calls.map(({ request, jobs }) => ({
      key: request.key,
      position: this.#positions++,
      kind: request.kind,
      name: request.name,
      inputHash: request.inputHash,
      size: jobs.length,
      onFailure: request.options.onFailure ?? 'fail',
      concurrency: request.kind === 'all' ? (request.options.concurrency ?? null) : null,
      waitMs: request.waitMs,
    }));
    const jobs = calls.flatMap((call) => call.jobs);
    await flush(); // the next run repeats no line before a call
    const isNewest = await persist(() => recordSteps(engine, job, this.#wakes, { steps, jobs }));
    if (!isNewest) return this.#endAs('superseded');
    for (const [index, call] of calls.entries()) {
      const step = steps[index];
      if (!step) continue;
      this.#records.set(step.key, { ...step, seen: this.#wakes, settled: null, failedJobId: null, payload: null });
      this.#open.set(step.key, { ...call, jobs: [] });
    }
  }

  async #suspend(): Promise<void> {
    const { engine, job, persist, flush } = this.#options;
    await flush(); // what the run said is stored before its end is
    const outcome = await persist(() => suspendPipeline(engine, job, this.#wakes));
    if (outcome !== 'woken') return this.#endAs(outcome);
    const state = await persist(() => engine.store.pipelines.load(job, this.#wakes));
    if (state) this.#learn(state);
    else this.#endAs('superseded');
  }

  #learn({ wakes, steps, jobs }: PipelineState): void {
    this.#wakes = wakes;
    for (const step of steps) this.#records.set(step.key, step);
    for (const job of jobs) {
      const known = this.#jobs.get(job.key);
      if (known) known.push(job);
      else this.#jobs.set(job.key, [job]);
    }
  }

  #fail(key: string, why: string): void {
    this.#end({ kind: 'threw', error: changed(key, why) });
    this.close();
  }

  #endAs(kind: 'suspended' | 'superseded'): void {
    this.#end({ kind });
    this.close();
  }
}

// What has been answered must have had its turn, with everything that follows without waiting, before the next answer.
async function letCodeGoOn(): Promise<void> {
  await setImmediate();
  await setImmediate();
}

function isBefore(one: RecordedStep, other: RecordedStep): boolean {
  const [a, b] = [one.settled ?? 0, other.settled ?? 0];
  return a === b ? one.position < other.position : a < b;
}

function changed(key: string, why: string): PipelineChangedError {
  return new PipelineChangedError(`the step "${key}" does not fit what was recorded: ${why}`);
}
