import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { findFfmpeg } from './find-ffmpeg.ts';
import { runFfmpeg } from './run-ffmpeg.ts';

const ENDLESS = ['-hide_banner', '-loglevel', 'error', '-nostats', '-progress', 'pipe:1', '-f', 'lavfi', '-re'];
/** Reports its process id as a frame, and goes on until it is ended. */
const REPORT = "console.log('frame=' + process.pid + '\\nprogress=continue');setInterval(() => {}, 1000);";

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('runFfmpeg', () => {
  it('fails with the end of what ffmpeg wrote', async () => {
    const run = runFfmpeg(await findFfmpeg(undefined), ['-hide_banner', '-i', '/no/such/file'], {
      signal: new AbortController().signal,
    });
    await expect(run).rejects.toThrow(/^ffmpeg ended with \d+: .*\/no\/such\/file: No such file or directory/);
  });

  it('fails when the program cannot be started', async () => {
    const { signal } = new AbortController();
    await expect(runFfmpeg('/no/such/ffmpeg', [], { signal })).rejects.toThrow(/cannot be started.*ENOENT/);
  });

  it('does not start when the signal has aborted already', async () => {
    const reason = new Error('too late');
    await expect(runFfmpeg('/no/such/ffmpeg', [], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('ends a running ffmpeg with the signal, and throws its reason', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled');
    const run = runFfmpeg(await findFfmpeg(undefined), [...ENDLESS, '-i', 'testsrc', '-f', 'null', '-'], {
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });
    await expect(run).rejects.toBe(reason);
  });

  it('kills what does not obey, and settles only when it is gone', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled');
    let pid = 0;
    const run = runFfmpeg(process.execPath, ['-e', `process.on('SIGTERM', () => {});${REPORT}`], {
      signal: controller.signal,
      onProgress: ({ frame }) => {
        pid = frame;
        controller.abort(reason);
      },
    });
    await expect(run).rejects.toBe(reason);
    expect(pid).toBeGreaterThan(0);
    expect(runs(pid)).toBe(false);
  });

  it('leaves no ffmpeg behind when the process ends at once', async () => {
    const module = pathToFileURL(`${import.meta.dirname}/run-ffmpeg.ts`).href;
    const script = `
      const { runFfmpeg } = await import(${JSON.stringify(module)});
      await runFfmpeg(process.execPath, ['-e', ${JSON.stringify(REPORT)}], {
        signal: new AbortController().signal,
        onProgress: ({ frame }) => { console.log(frame); process.exit(0); },
      });`;
    const worker = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    worker.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    await once(worker, 'close');
    const pid = Number(output);
    expect(pid).toBeGreaterThan(0);
    await waitFor(() => !runs(pid), { describe: 'the end of the program' });
  });
});
