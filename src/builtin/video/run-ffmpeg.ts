import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { createProgressReader, type Progress } from './ffmpeg-progress.ts';

export interface FfmpegOptions {
  signal: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** What ffmpeg gets to end by itself after SIGTERM. */
const KILL_AFTER_MS = 2000;
const TAIL_LENGTH = 2000;
const TAIL_LINES = 6;

const running = new Set<Child>();

/**
 * Runs ffmpeg to its end. Settles only when the process is gone, also when the signal aborts.
 * @returns what it wrote to stderr, at most the last 2000 characters
 * @throws the signal's reason; an Error with the end of stderr when ffmpeg fails
 */
export async function runFfmpeg(program: string, args: readonly string[], options: FfmpegOptions): Promise<string> {
  const { code, stderr } = await execute(program, args, options);
  if (code === 0) return stderr;
  const tail = stderr
    .trim()
    .split(/[\r\n]+/)
    .slice(-TAIL_LINES)
    .join('\n');
  throw new Error(`ffmpeg ended with ${code}: ${tail || 'it said nothing'}`);
}

/** What ffmpeg says of a file; that it fails for want of an output is its way of telling. */
export async function describeInput(program: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  return (await execute(program, ['-hide_banner', '-nostdin', ...args], { signal })).stderr;
}

interface End {
  /** Its exit code, or the signal that ended it. */
  code: number | string;
  stderr: string;
}

async function execute(program: string, args: readonly string[], options: FfmpegOptions): Promise<End> {
  const { signal, onProgress } = options;
  signal.throwIfAborted();
  const child = start(program, args);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-TAIL_LENGTH);
  });
  const readProgress = onProgress && createProgressReader(onProgress);
  child.stdout.setEncoding('utf8').on('data', (text: string) => readProgress?.(text));

  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill('SIGTERM');
    timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    const code = await waitForEnd(child);
    signal.throwIfAborted();
    return { code, stderr };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    running.delete(child);
    if (running.size === 0) process.off('exit', killRunning);
  }
}

function start(program: string, args: readonly string[]): Child {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: Ctrl-C in a terminal is for the worker, which lets running jobs finish.
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  if (running.size === 0) process.on('exit', killRunning);
  running.add(child);
  return child;
}

// A process that ends at once leaves no time for signals, but must not leave ffmpeg behind.
function killRunning(): void {
  for (const child of running) child.kill('SIGKILL');
}

function waitForEnd(child: Child): Promise<number | string> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => {
      if (child.pid === undefined) reject(new Error(`ffmpeg cannot be started: ${cause.message}`, { cause }));
    });
    child.once('close', (code, endedBy) => resolve(code ?? endedBy ?? 'nothing'));
  });
}
