import { writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { defineJob, z } from 'longshore';

/** Makes a file, of which the byte at each place is known. */
export const makeFile = defineJob({
  type: 'test:file',
  input: z.object({ name: z.string(), text: z.string().default(''), mebibytes: z.int().default(0) }),
  run: ({ name, text, mebibytes }, { files, signal }) =>
    files.create(name, mebibytes === 0 ? text : (path) => writeFile(path, Readable.from(fill(mebibytes)), { signal })),
});

function* fill(mebibytes: number) {
  for (let index = 0; index < mebibytes; index += 1) yield Buffer.alloc(1024 ** 2, index);
}
