import type { JobContext } from '../define/context.ts';
import { defineJob } from '../define/job.ts';
import { type FileInput, type FileOutput, fileInputSchema, fileOutputSchema } from './file-schema.ts';

export const fileProcess = defineJob({
  type: 'file:process',
  description:
    'Checks, measures and optionally compresses a file or download, and keeps it; packs files into a zip archive; unpacks one; tells what an image is.',
  input: fileInputSchema,
  output: fileOutputSchema,
  timeoutMs: 3_600_000,
  concurrency: 4, // what they do is mostly bound by one disk
  examples: [
    {
      title: 'Keep a download, compressed',
      input: { source: 'https://files.example.com/report.csv', compress: 'zstd' },
    },
    {
      title: 'Pack files',
      input: { operation: 'zip', sources: ['photos/cat.jpg', 'https://files.example.com/report.csv'] },
    },
    { title: 'Unpack an archive', input: { operation: 'unzip', source: 'archives/photos.zip', maxEntries: 100 } },
    { title: 'What an image is', input: { operation: 'metadata', source: 'photos/cat.jpg' } },
  ],
  failures: [
    { when: 'a source does not exist, may not be read, or is larger than maxBytes', effect: 'fail' },
    { when: 'a server answers 4xx (but 408, 425 and 429), or its address is refused', effect: 'fail' },
    { when: 'a server answers otherwise, cannot be reached, or breaks off', effect: 'retry' },
    {
      when: 'an archive is damaged, encrypted, holds links or paths that lead out of it, or becomes too large',
      effect: 'fail',
    },
    { when: 'an image is damaged, or of a format that is not read', effect: 'fail' },
    { when: 'the file storage cannot be used, or the disk is full', effect: 'retry' },
  ],
  repeats: 'Files have the same keys and replace those of the run before. A source is downloaded again.',
  run: processFile,
});

async function processFile(input: FileInput, ctx: JobContext): Promise<FileOutput> {
  ctx.signal.throwIfAborted();
  // What an operation needs is loaded with the first job that asks for it.
  switch (input.operation) {
    case 'store':
      return (await import('./file-store.ts')).storeFile(input, ctx);
    case 'zip':
      return (await import('./file-zip.ts')).zipFiles(input, ctx);
    case 'unzip':
      return (await import('./file-unzip.ts')).unzipFile(input, ctx);
    case 'metadata':
      return (await import('./file-metadata.ts')).readMetadata(input, ctx);
  }
}
