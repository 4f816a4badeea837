import type { Page } from '../../contract/list.ts';
import type { StepResource } from '../../contract/steps.ts';
import type { TreeCursor, TreeRow } from '../../store/pipeline-tree.ts';
import { type Place, readPage } from '../cursors.ts';
import type { Caller, Engine } from '../engine.ts';
import { requireJob } from '../inquire.ts';
import { type Pipeline, toStepResource } from './step-resource.ts';

/** The most steps of one answer, on all levels together. */
const MAX_STEPS = 2000;
/** That of its call, and its own within that. */
const BY_POSITION: Place<TreeRow> = {
  pattern: /^\d{1,9}\.\d{1,9}$/,
  of: ({ position, stepIndex }) => `${position}.${stepIndex ?? 0}`,
};

export interface StepQuery {
  limit: number;
  cursor?: string | undefined;
  /** 1: only the steps of the job itself. */
  depth: number;
}

/** A pipeline whose steps are still to be looked up. */
interface Branch extends Pipeline {
  resource: StepResource;
}

/**
 * Lists what a pipeline waits for and has waited for, in the order of its calls, with the steps of its steps down to
 * `depth`. A job that is no pipeline has none.
 * @throws NOT_FOUND, INVALID_FIELDS for a cursor of another list
 */
export async function listSteps(
  engine: Engine,
  caller: Caller,
  id: string,
  { limit, cursor, depth }: StepQuery,
): Promise<Page<StepResource>> {
  const job = await requireJob(engine, caller, id);
  const now = engine.clock.now();
  const page = await readPage({ list: `steps of ${job.id}`, caller, limit, cursor }, BY_POSITION, (after, count) =>
    engine.store.pipelineTree.list([job.id], count, readPlace(after)),
  );
  const items = page.items.map((row) => toStepResource(row, job, now));
  let branches = findBranches(page.items, items);
  let left = MAX_STEPS - items.length;
  for (let level = 2; level <= depth && branches.length > 0; level += 1) {
    const grown = await grow(engine, branches, Math.min(limit, Math.floor(left / branches.length)), now);
    branches = grown.branches;
    left -= grown.count;
  }
  return { items, nextCursor: page.nextCursor };
}

/** Looks up the first steps of each branch, all in one query. */
async function grow(
  engine: Engine,
  branches: readonly Branch[],
  limit: number,
  now: number,
): Promise<{ branches: Branch[]; count: number }> {
  const ids = branches.map((branch) => branch.id);
  const rows = limit === 0 ? [] : await engine.store.pipelineTree.list(ids, limit + 1);
  const rowsOf = Map.groupBy(rows, (row) => row.pipelineId);
  const grown = branches.map((branch) => {
    const found = rowsOf.get(branch.id) ?? [];
    const shown = found.slice(0, limit);
    const items = shown.map((row) => toStepResource(row, branch, now));
    branch.resource.steps = items;
    branch.resource.hasMoreSteps = found.length > limit || limit === 0;
    return { items, branches: findBranches(shown, items) };
  });
  return {
    branches: grown.flatMap((each) => each.branches),
    count: grown.reduce((sum, each) => sum + each.items.length, 0),
  };
}

function findBranches(rows: readonly TreeRow[], resources: readonly StepResource[]): Branch[] {
  return rows.flatMap((row, index) => {
    const resource = resources[index];
    return row.id !== null && row.steps > 0 && resource ? [{ ...row, resource }] : [];
  });
}

function readPlace(place: string | null): TreeCursor | undefined {
  if (place === null) return undefined;
  const [position = 0, index = 0] = place.split('.').map(Number);
  return { position, index };
}
