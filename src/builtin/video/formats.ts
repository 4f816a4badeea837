import { z } from 'zod';

export const formats = ['landscape', 'vertical'] as const;
export type Format = (typeof formats)[number];

export interface Size {
  width: number;
  height: number;
}

export const sizes: Readonly<Record<Format, Size>> = {
  landscape: { width: 1280, height: 720 },
  vertical: { width: 720, height: 1280 },
};

/** Frames a second of every clip. One lasts 40 ms, so that times in whole milliseconds are exact. */
export const FRAME_RATE = 25;

export const formatSchema = z
  .enum(formats)
  .default('landscape')
  .meta({ description: '`landscape` is 1280×720, `vertical` 720×1280.' });

/** A file that a job has made, as `ctx.files.create` returns it. */
export const storedFileSchema = z.object({
  key: z.string(),
  url: z.string().meta({ description: 'Where it can be fetched.' }),
  bytes: z.int(),
});

/** How an input names a file that another job has made. */
export const fileReferenceSchema = z.string().min(1).max(2000);
