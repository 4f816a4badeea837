import { isTerminal } from '../../contract/job-status.ts';
import { JOB_SORTS, QUEUE_SORTS } from './sorts.ts';
import {
  type Effect,
  findCursor,
  findJob,
  type LowerPane,
  listKeys,
  listQueues,
  type Pane,
  panes,
  type TopState,
} from './state.ts';

export interface Pressed {
  state: TopState;
  effect?: Effect | undefined;
}

type Action = (state: TopState) => Pressed;

const PAGE = 10;

/** Keys while lists are browsed. A key that is not here does nothing. */
const browsing: Record<string, Action> = {
  up: (state) => moveBy(state, -1),
  k: (state) => moveBy(state, -1),
  down: (state) => moveBy(state, 1),
  j: (state) => moveBy(state, 1),
  pageup: (state) => moveBy(state, -PAGE),
  pagedown: (state) => moveBy(state, PAGE),
  home: (state) => moveBy(state, Number.NEGATIVE_INFINITY),
  end: (state) => moveBy(state, Number.POSITIVE_INFINITY),
  tab: (state) => turnPane(state, 1),
  'shift-tab': (state) => turnPane(state, -1),
  return: openSelected,
  p: toggleQueue,
  r: retryJob,
  c: cancelJob,
  s: sortNext,
  '/': (state) => ({ state: { ...state, mode: { kind: 'filter', text: state.filter } } }),
  '?': (state) => ({ state: { ...state, mode: { kind: 'help' } } }),
  escape: (state) => ({ state: { ...state, filter: '', queue: undefined }, effect: { kind: 'refresh' } }),
  q: (state) => ({ state, effect: { kind: 'quit' } }),
};

const inDetails: Record<string, Action> = {
  up: (state) => scrollBy(state, -1),
  k: (state) => scrollBy(state, -1),
  down: (state) => scrollBy(state, 1),
  j: (state) => scrollBy(state, 1),
  pageup: (state) => scrollBy(state, -PAGE),
  pagedown: (state) => scrollBy(state, PAGE),
  r: retryJob,
  c: cancelJob,
  escape: goBack,
  return: goBack,
  q: goBack,
};

/** What a key does. Pure: the effect is for the caller. */
export function pressKey(state: TopState, key: string): Pressed {
  if (key === 'ctrl-c') return { state, effect: { kind: 'quit' } };
  const { mode } = state;
  if (mode.kind === 'filter') return { state: typeFilter(state, mode.text, key) };
  if (mode.kind === 'help') return goBack(state);
  if (mode.kind === 'confirm') return key === 'y' ? { ...goBack(state), effect: mode.effect } : goBack(state);
  const actions = mode.kind === 'details' ? inDetails : browsing;
  const action = Object.hasOwn(actions, key) ? actions[key] : undefined;
  return action ? action({ ...state, notice: undefined }) : { state };
}

function goBack(state: TopState): Pressed {
  return { state: { ...state, mode: { kind: 'browse' } } };
}

function moveBy(state: TopState, rows: number): Pressed {
  const { pane, selected } = state;
  const keys = listKeys(state, pane);
  const target = Math.min(keys.length - 1, Math.max(0, findCursor(state, pane) + rows));
  const key = keys[target];
  return { state: key === undefined ? state : { ...state, selected: { ...selected, [pane]: key } } };
}

function turnPane(state: TopState, by: 1 | -1): Pressed {
  const pane = panes[(panes.indexOf(state.pane) + by + panes.length) % panes.length] as Pane;
  const lower: LowerPane = pane === 'queues' ? state.lower : pane;
  return { state: { ...state, pane, lower }, effect: { kind: 'refresh' } };
}

function openSelected(state: TopState): Pressed {
  const job = findJob(state);
  if (job) return { state, effect: { kind: 'open', id: job.id } };
  const queue = state.pane === 'queues' ? listQueues(state)[findCursor(state, 'queues')] : undefined;
  if (!queue) return { state };
  return { state: { ...state, queue: queue.name, pane: state.lower }, effect: { kind: 'refresh' } };
}

function toggleQueue(state: TopState): Pressed {
  const queue = state.pane === 'queues' ? listQueues(state)[findCursor(state, 'queues')] : undefined;
  if (!queue) return notice(state, 'p pauses a queue: go to the queues first');
  return { state, effect: { kind: queue.isPaused ? 'resume' : 'pause', queue: queue.name } };
}

function retryJob(state: TopState): Pressed {
  const job = findJob(state);
  if (!job) return notice(state, 'r runs a job again: go to a job first');
  if (!isTerminal(job.status) || job.status === 'completed')
    return notice(state, `a ${job.status} job cannot run again`);
  return { state, effect: { kind: 'retry', id: job.id } };
}

function cancelJob(state: TopState): Pressed {
  const job = findJob(state);
  if (!job) return notice(state, 'c cancels a job: go to a job first');
  if (isTerminal(job.status)) return notice(state, `a ${job.status} job cannot be cancelled`);
  const question = `Cancel ${job.type} ${job.id}? [y/N]`;
  return { state: { ...state, mode: { kind: 'confirm', question, effect: { kind: 'cancel', id: job.id } } } };
}

function sortNext(state: TopState): Pressed {
  const { pane, sorts } = state;
  if (pane === 'workers') return notice(state, 'workers are in the order of their names');
  const number = (sorts[pane] ?? 0) + 1;
  const all: readonly { name: string }[] = pane === 'queues' ? QUEUE_SORTS : JOB_SORTS;
  return notice({ ...state, sorts: { ...sorts, [pane]: number } }, `by ${all[number % all.length]?.name}`);
}

function scrollBy(state: TopState, lines: number): Pressed {
  if (state.mode.kind !== 'details') return { state };
  return { state: { ...state, mode: { ...state.mode, scroll: Math.max(0, state.mode.scroll + lines) } } };
}

function typeFilter(state: TopState, text: string, key: string): TopState {
  if (key === 'escape') return { ...state, filter: '', mode: { kind: 'browse' } };
  if (key === 'return') return { ...state, filter: text, mode: { kind: 'browse' } };
  const typed =
    key === 'backspace' ? text.slice(0, -1) : key === 'space' ? `${text} ` : text + ([...key].length === 1 ? key : '');
  return { ...state, filter: typed, mode: { kind: 'filter', text: typed } };
}

function notice(state: TopState, text: string): Pressed {
  return { state: { ...state, notice: text } };
}
