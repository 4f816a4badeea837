import type { JobsClient } from '../client.ts';
import { isTerminal, type JobResource } from '../contract/job.ts';
import { LIST_LIMIT_MAX } from '../contract/list.ts';
import type { StepResource } from '../contract/steps.ts';

/** A pipeline and its steps, as they were at one moment. */
export interface TreeSnapshot {
  job: JobResource;
  steps: StepResource[];
  /** Whether there are more steps than were read. */
  hasMoreSteps: boolean;
}

export interface TreeQuery {
  depth: number;
  signal?: AbortSignal | undefined;
}

/** More would neither be read by anybody, nor be there before it has changed. */
const MAX_STEPS = 2000;

/** Steps that belong to one call: those of one call of many jobs, or a single one. */
export interface StepGroup {
  /** The key of the call. */
  key: string;
  steps: StepResource[];
}

export async function readTree(jobs: JobsClient, id: string, { depth, signal }: TreeQuery): Promise<TreeSnapshot> {
  const job = await jobs.get(id, { signal });
  const steps: StepResource[] = [];
  let cursor: string | undefined;
  do {
    const page = await jobs.steps(id, { depth, limit: LIST_LIMIT_MAX, cursor }, { signal });
    steps.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && steps.length < MAX_STEPS);
  return { job, steps, hasMoreSteps: cursor !== undefined };
}

/** Puts together what one call has started; it is listed one after the other. */
export function groupSteps(steps: readonly StepResource[]): StepGroup[] {
  const groups: StepGroup[] = [];
  for (const step of steps) {
    const key = step.key.replace(/\[\d+\]$/, '');
    const last = groups.at(-1);
    if (last?.key === key) last.steps.push(step);
    else groups.push({ key, steps: [step] });
  }
  return groups;
}

/** Whether nothing of it will change any more: the steps of a pipeline that has ended are cancelled a moment later. */
export function isAtRest({ job, steps }: TreeSnapshot): boolean {
  return isTerminal(job.status) && steps.every(isStepAtRest);
}

function isStepAtRest(step: StepResource): boolean {
  return isTerminal(step.status) && (step.steps ?? []).every(isStepAtRest);
}

/** What has changed: every step that is new or has another status or attempt, with the keys that lead to it. */
export function findChanges(
  before: TreeSnapshot | undefined,
  after: TreeSnapshot,
): { path: string[]; step: StepResource }[] {
  const known = new Map(listSteps(before?.steps ?? []).map(({ path, step }) => [nameOf(path), stateOf(step)]));
  return listSteps(after.steps).filter(({ path, step }) => known.get(nameOf(path)) !== stateOf(step));
}

function listSteps(steps: readonly StepResource[], above: string[] = []): { path: string[]; step: StepResource }[] {
  return steps.flatMap((step) => {
    const path = [...above, step.key];
    return [{ path, step }, ...listSteps(step.steps ?? [], path)];
  });
}

function nameOf(path: readonly string[]): string {
  return JSON.stringify(path);
}

function stateOf({ id, status, attempt }: StepResource): string {
  return [id, status, attempt].join(' ');
}
