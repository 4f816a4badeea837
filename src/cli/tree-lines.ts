import { type JobStatus, terminalStatuses } from '../contract/job.ts';
import type { StepResource } from '../contract/steps.ts';
import { paintStatus } from './format.ts';
import type { Terminal } from './terminal.ts';
import { cleanLine } from './terminal.ts';
import { groupSteps, type StepGroup, type TreeSnapshot } from './tree-data.ts';
import { describeRoot, describeStep, errorOf, fitLine, glyphOf, type Span } from './tree-node.ts';

export interface TreeStyle extends Pick<Terminal, 'width' | 'colors'> {
  /** Steps of one call are folded when there are more; Infinity shows all. */
  foldAbove: number;
}

export const FOLD_ABOVE = 20;
/** Of a folded call: how many of the steps that matter now are shown, at most. */
const SHOWN_OF_FOLDED = 10;
/** A full line would wrap, and then could not be drawn over. */
const FREE_COLUMNS = 1;

/** What one level of the tree is made of: a step, a call that is folded, or a remark. */
interface Branch {
  spans: Span[];
  error?: string | undefined;
  below: Branch[];
}

/** The tree as lines: the pipeline, and below it what it has called. */
export function renderTree(tree: TreeSnapshot, nowMs: number, style: TreeStyle): string[] {
  const branches = toBranches(tree.steps, tree.hasMoreSteps, nowMs, style);
  // An error of a step is told where the step is.
  const error = tree.job.reason === 'step_failed' ? undefined : errorOf(tree.job);
  const root = { spans: describeRoot(tree.job, nowMs, style.colors), error, below: branches };
  return drawBranch(root, '', '', style);
}

function drawBranch({ spans, error, below }: Branch, lead: string, next: string, style: TreeStyle): string[] {
  const { colors } = style;
  const width = Math.min(style.width, 160) - FREE_COLUMNS;
  const trunk = below.length > 0 ? '│ ' : '  ';
  return [
    fitLine([{ text: lead, paint: colors.dim }, ...spans], width),
    ...(error === undefined
      ? []
      : [
          fitLine(
            [
              { text: next + trunk, paint: colors.dim },
              { text: error, paint: colors.red },
            ],
            width,
          ),
        ]),
    ...below.flatMap((branch, index) => {
      const isLast = index === below.length - 1;
      return drawBranch(branch, `${next}${isLast ? '└─ ' : '├─ '}`, `${next}${isLast ? '   ' : '│  '}`, style);
    }),
  ];
}

function toBranches(steps: readonly StepResource[], hasMore: boolean, nowMs: number, style: TreeStyle): Branch[] {
  const branches = groupSteps(steps).flatMap((group) =>
    group.steps.length > style.foldAbove
      ? [foldGroup(group, nowMs, style)]
      : group.steps.map((step) => toBranch(step, nowMs, style)),
  );
  if (hasMore) branches.push(remark('… and more', style));
  return branches;
}

function toBranch(step: StepResource, nowMs: number, style: TreeStyle): Branch {
  return {
    spans: describeStep(step, nowMs, style.colors),
    error: errorOf(step),
    below: toBranches(step.steps ?? [], step.hasMoreSteps ?? false, nowMs, style),
  };
}

/** Counts by status, and below them the steps that failed or run. */
function foldGroup({ key, steps }: StepGroup, nowMs: number, style: TreeStyle): Branch {
  const { colors } = style;
  const now = SHOWN_STATUSES.flatMap((status) => steps.filter((step) => step.status === status));
  const shown = now.slice(0, Math.min(SHOWN_OF_FOLDED, style.foldAbove));
  const below = shown.map((step) => toBranch(step, nowMs, style));
  if (now.length > shown.length) below.push(remark(`… and ${now.length - shown.length} more of these`, style));
  return {
    spans: [
      glyphOf(statusOfAll(steps), colors),
      { text: cleanLine(key) },
      { text: ` ×${steps.length} `, paint: colors.dim },
      ...countSteps(steps, colors),
    ],
    below,
  };
}

/** What people look for first. */
const SHOWN_STATUSES: readonly JobStatus[] = ['failed', 'retrying', 'processing'];
/** What a call as a whole does: the first of these that one of its steps does. */
const STATUS_ORDER: readonly JobStatus[] = [
  ...(['failed', 'processing', 'retrying', 'waiting', 'queued', 'scheduled'] as const),
  ...terminalStatuses.filter((status) => status !== 'failed').reverse(),
];
const COUNT_ORDER = [...STATUS_ORDER].reverse();

function statusOfAll(steps: readonly StepResource[]): JobStatus {
  const found = new Set(steps.map((step) => step.status));
  return STATUS_ORDER.find((status) => found.has(status)) ?? 'completed';
}

function countSteps(steps: readonly StepResource[], colors: Terminal['colors']): Span[] {
  const counts = Map.groupBy(steps, (step) => step.status);
  const known = COUNT_ORDER.filter((status) => counts.has(status));
  return known.flatMap((status, index) => [
    { text: index === 0 ? ' ' : ', ' },
    { text: `${counts.get(status)?.length} ${status}`, paint: paintStatus(status, colors) },
  ]);
}

function remark(text: string, { colors }: TreeStyle): Branch {
  return { spans: [{ text, paint: colors.dim }], below: [] };
}
