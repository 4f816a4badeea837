import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TransportName } from '../../src/define/queue.ts';
import { countNotes, readNotes } from '../support/notes.ts';
import { waitFor } from '../support/wait-for.ts';
import { install } from './setup.ts';

describe.each<TransportName>(['postgres', 'bullmq'])('a worker that blocks, on the %s transport', (transport) => {
  it('longer than its lock loses its job to another; its late result is refused, and its log says so', async () => {
    const installation = await install({ transport });
    const note = join(installation.folder, 'note');
    const path = installation.nextGate();
    const api = await installation.start({ MODE: 'api' });
    const blocked = await installation.start({ MODE: 'worker' });
    const { id } = await api.enqueue('test:block', { path, note });
    await waitFor(() => countNotes(note, 'started') === 1, { describe: 'its event loop is blocked' });
    const rescuer = await installation.start({ MODE: 'worker' });
    const ended = await api.jobEnded(id);
    expect(ended).toMatchObject({ status: 'completed', output: 'prompt', attempt: 1 });

    writeFileSync(path, ''); // it comes back, and returns
    const refused = await waitFor(
      () =>
        blocked.log.find(
          ({ jobId, message }) => jobId === id && String(message).includes('a late result was discarded'),
        ),
      { describe: 'its log says that its result was refused' },
    );
    expect(refused).toMatchObject({ level: 'info', type: 'test:block' });
    expect(await api.job(id)).toEqual(ended);
    expect(await api.outcomes(id)).toEqual(['worker_lost', 'completed']);

    await rescuer.stop();
    const { id: next } = await api.enqueue('test:echo', 'it works again');
    expect(await api.jobEnded(next)).toMatchObject({ status: 'completed', output: 'it works again' });
    expect(readNotes(note)).toEqual(new Map([[id, ['started', 'started']]]));
  });
});
