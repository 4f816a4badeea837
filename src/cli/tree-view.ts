import type { JobResource } from '../contract/job.ts';
import { type CliContext, printJsonLine } from './context.ts';
import { colorStatus, formatTimestamp } from './format.ts';
import { renderOutcome } from './job-view.ts';
import { cleanLine } from './terminal.ts';
import { findChanges, type TreeSnapshot } from './tree-data.ts';
import { FOLD_ABOVE, renderTree } from './tree-lines.ts';
import { errorOf, tookOf } from './tree-node.ts';

/** How a tree that is watched is shown. `close` may be called at any time, and twice. */
export interface TreeView {
  show(tree: TreeSnapshot): void;
  finish(job: JobResource): void;
  close(): void;
}

export interface TreeViewOptions {
  /** Shows every step of a call, however many there are. */
  showsAll?: boolean;
}

const REDRAW_MS = 500;
const [UP, CLEAR_BELOW] = ['\u001b[A', '\r\u001b[J'];
/** How much a call may show before the tree fits the window; the last resort is to cut it. */
const FOLDS = [FOLD_ABOVE, 8, 3, 1];

/** On a terminal: the tree, drawn over and over. What no longer changes stays when it is closed. */
export function createLiveTreeView(
  { terminal, clock }: Pick<CliContext, 'terminal' | 'clock'>,
  { showsAll = false }: TreeViewOptions = {},
): TreeView {
  let tree: TreeSnapshot | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;
  let drawn = 0;

  const render = (foldAbove: number) =>
    tree ? renderTree(tree, clock.now(), { width: terminal.width, colors: terminal.colors, foldAbove }) : [];
  // A line that has left the window at its top cannot be drawn over.
  const renderFitting = (height: number) => {
    let lines: string[] = [];
    for (const foldAbove of FOLDS) {
      lines = render(foldAbove);
      if (lines.length < height) return lines;
    }
    const kept = Math.max(1, height - 2);
    return [...lines.slice(0, kept), terminal.colors.dim(`… and ${lines.length - kept} more lines`)];
  };
  const draw = (lines: readonly string[]) => {
    terminal.write(UP.repeat(drawn) + CLEAR_BELOW + lines.map((line) => `${line}\n`).join(''));
    drawn = lines.length;
  };
  const redraw = () => draw(renderFitting(terminal.height));
  const close = () => {
    clearInterval(timer);
    tree = undefined;
  };
  return {
    show(next) {
      tree = next;
      redraw();
      timer ??= setInterval(redraw, REDRAW_MS);
    },
    finish(job) {
      if (tree) draw(render(showsAll ? Number.POSITIVE_INFINITY : FOLD_ABOVE));
      close();
      terminal.print(renderOutcome(job, terminal));
    },
    close,
  };
}

/** In a pipe or a log file: a line for every change of a step. */
export function createPlainTreeView({ terminal, clock }: Pick<CliContext, 'terminal' | 'clock'>): TreeView {
  let last: TreeSnapshot | undefined;
  return {
    show(tree) {
      const nowMs = clock.now();
      const stamp = formatTimestamp(new Date(nowMs).toISOString(), nowMs);
      if (!last) terminal.print(`${cleanLine(tree.job.type)} ${tree.job.id} is ${tree.job.status}`);
      for (const { path, step } of findChanges(last, tree)) {
        const name = path.map(cleanLine).join(' › ');
        const details = [`(${step.reason})`, tookOf(step, nowMs), `attempt ${step.attempt} of ${step.maxAttempts}`];
        const isTold = [step.reason !== null, step.finishedAt !== null, step.attempt > 1];
        const said = details.filter((_, index) => isTold[index]).join(', ');
        const line = `${stamp} ${name} ${colorStatus(step.status, terminal.colors)} ${said}`.trimEnd();
        const error = errorOf(step);
        terminal.print(error === undefined ? line : `${line}: ${error}`);
      }
      last = tree;
    },
    finish: (job) => terminal.print(renderOutcome(job, terminal)),
    close: () => {},
  };
}

/** For programs: every change of a step as one line of JSON, with the keys that lead to it. */
export function createJsonTreeView(cli: CliContext): TreeView {
  let last: TreeSnapshot | undefined;
  return {
    show(tree) {
      for (const { path, step } of findChanges(last, tree)) {
        const { steps: _, hasMoreSteps: _more, ...rest } = step;
        printJsonLine(cli, { path, step: rest });
      }
      last = tree;
    },
    finish: () => {},
    close: () => {},
  };
}
