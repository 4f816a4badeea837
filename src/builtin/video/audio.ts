import type { JobContext } from '../../define/context.ts';
import { NonRetryableError } from '../../define/errors.ts';
import { openBelow } from '../file-access.ts';

/** Whether a text is a key or URL of a stored file rather than a path: those begin with a job's id, or say so. */
const STORED = /^(?:https?:\/\/|\/v1\/files\/|[0-9a-f]{8}-[0-9a-f]{4}-)/i;

/**
 * Finds a sound file: one that a job has made, or one below FILE_ROOTS.
 * @returns an absolute path, after symbolic links
 * @throws NonRetryableError when there is none, or it may not be read
 */
export async function locateAudio(source: string, ctx: JobContext): Promise<string> {
  if (STORED.test(source)) return ctx.files.locate(source);
  const [first, ...others] = ctx.services.fileRoots;
  if (first === undefined) throw new NonRetryableError(`"${source}" may not be read: FILE_ROOTS names no folder`);
  const { handle, path } = await openBelow([first, ...others], source);
  await handle.close(); // ffmpeg opens it by itself, and takes nothing but sound from it
  return path;
}
