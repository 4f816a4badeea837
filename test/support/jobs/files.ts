import { readFile, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { defineJob, NonRetryableError, z } from 'longshore';

/** Makes a file, of which the byte at each place is known, and fails after that where it is told to. */
export const makeFile = defineJob({
  type: 'test:file',
  input: z.object({
    name: z.string(),
    text: z.string().default(''),
    mebibytes: z.int().default(0),
    fails: z.boolean().default(false),
    expiresInMs: z.int().optional(),
  }),
  async run({ name, text: content, mebibytes, fails, expiresInMs }, { files, signal }) {
    const write = (path: string) => writeFile(path, Readable.from(fill(mebibytes)), { signal });
    const file = await files.create(name, mebibytes === 0 ? content : write, { expiresInMs });
    if (fails) throw new NonRetryableError('the file is made, the job is not done');
    return file;
  },
});

/** Reads a file in both ways. */
export const readFileOf = defineJob({
  type: 'test:read-file',
  input: z.object({ source: z.string() }),
  async run({ source }, { files }) {
    const { stream, bytes, contentType } = await files.open(source);
    return {
      located: await readFile(await files.locate(source), 'utf8'),
      opened: await text(stream),
      contentType,
      bytes,
    };
  },
});

function* fill(mebibytes: number) {
  for (let index = 0; index < mebibytes; index += 1) yield Buffer.alloc(1024 ** 2, index);
}
