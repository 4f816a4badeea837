/**
 * Images with retries of their own: develops photos, makes a thumbnail with a watermark of each, and one sheet of all.
 *
 * The lab is unreliable: every third photo fails twice, and is tried again alone. One file is damaged, which no attempt
 * will mend: it is left out, and the sheet is made all the same.
 */
import { readFile } from 'node:fs/promises';
import { defineJob, definePipeline, NonRetryableError, z } from 'longshore';
import { decodePng, draw, encodePng, type Picture, readPixel } from './png.ts';

const PHOTO = { width: 480, height: 320 };
const THUMBNAIL = { width: 120, height: 80 };
const COLUMNS = 4;
const GAP = 8;

// Outputs carry URLs of files, never their bytes: what a step returns is kept in the record.
const file = z.object({ url: z.string() });

export const developPhoto = defineJob({
  type: 'photo:develop',
  description: 'Makes a photo; stands for a camera, a scanner or an upload',
  input: z.object({ number: z.int().min(1), isDamaged: z.boolean().default(false) }),
  output: file,
  async run({ number, isDamaged }, ctx) {
    if (number % 3 === 0 && ctx.attempt <= 2) throw new Error('the lab did not answer'); // the next attempt follows
    const png = encodePng(paintLandscape(number));
    return ctx.files.create('photo.png', isDamaged ? png.subarray(0, png.length / 2) : png);
  },
});

export const makeThumbnail = defineJob({
  type: 'photo:thumbnail',
  description: 'Makes a small copy of a photo, with a watermark',
  input: z.object({ photo: z.string() }),
  output: file,
  async run({ photo }, ctx) {
    const original = await readPicture(await ctx.files.locate(photo));
    return ctx.files.create('thumbnail.png', encodePng(addWatermark(shrink(original))));
  },
});

export const makeSheet = defineJob({
  type: 'photo:sheet',
  description: 'Puts thumbnails on one sheet',
  input: z.object({ thumbnails: z.array(z.string()).min(1) }),
  output: file,
  async run({ thumbnails }, ctx) {
    const pictures = await Promise.all(thumbnails.map(async (url) => readPicture(await ctx.files.locate(url))));
    return ctx.files.create('sheet.png', encodePng(arrange(pictures)));
  },
});

export const makeGallery = definePipeline({
  type: 'photo:gallery',
  description: 'Makes a sheet of thumbnails; leaves out photos that are damaged',
  input: z.object({ photos: z.int().min(2).max(100).default(12), damaged: z.int().default(5) }),
  output: z.object({ sheet: z.string(), thumbnails: z.int(), leftOut: z.array(z.int()) }),
  async run(input, { step, log }) {
    const numbers = Array.from({ length: input.photos }, (_, index) => index + 1);
    const photos = await step.map(
      developPhoto,
      numbers,
      (number) => ({ number, isDamaged: number === input.damaged }),
      // Of this step alone: other pipelines that develop photos may be more patient, or less.
      { concurrency: 4, attempts: 5, backoff: { type: 'exponential', delayMs: 200, maxDelayMs: 2000 } },
    );

    const thumbnails = await step.map(makeThumbnail, photos, ({ url }) => ({ photo: url }), {
      attempts: 2,
      timeoutMs: 10_000,
      onFailure: 'continue', // undefined in place of a thumbnail that could not be made
    });
    const leftOut = numbers.filter((_, index) => thumbnails[index] === undefined);
    if (leftOut.length > 0) log.warn(`photos that are left out: ${leftOut.join(', ')}`);

    const made = thumbnails.filter((thumbnail) => thumbnail !== undefined);
    const sheet = await step(makeSheet, { thumbnails: made.map(({ url }) => url) });
    return { sheet: sheet.url, thumbnails: made.length, leftOut };
  },
});

async function readPicture(path: string): Promise<Picture> {
  const bytes = await readFile(path);
  try {
    return decodePng(bytes);
  } catch (cause) {
    // No later attempt will find another file: the other attempts are not made.
    throw new NonRetryableError('the picture cannot be read', { cause });
  }
}

/** A sky, a sun and two hills, which differ from photo to photo. */
function paintLandscape(number: number): Picture {
  const { width, height } = PHOTO;
  const [sunX, sunY] = [60 + ((number * 97) % (width - 120)), 70 + ((number * 31) % 60)];
  return draw(width, height, (x, y) => {
    const hill = (top: number, swing: number, length: number) => y > top + swing * Math.sin(x / length + number);
    if (hill(250, 24, 70)) return [24, 60 + ((number * 17) % 60), 54];
    if (hill(205, 34, 110)) return [52, 104, 92];
    if (Math.hypot(x - sunX, y - sunY) < 34) return [255, 226, 150];
    return [250 - y / 2, 150 + y / 4, 110 + ((number * 23) % 90) + y / 6];
  });
}

/** Each pixel is the mean of those that it stands for. */
function shrink(photo: Picture): Picture {
  const scale = Math.floor(photo.width / THUMBNAIL.width);
  const offsets = Array.from(
    { length: scale * scale },
    (_, index) => [index % scale, Math.floor(index / scale)] as const,
  );
  return draw(THUMBNAIL.width, THUMBNAIL.height, (x, y) => {
    const sums = [0, 0, 0];
    for (const [dx, dy] of offsets) {
      readPixel(photo, x * scale + dx, y * scale + dy).forEach((value, channel) => {
        sums[channel] = (sums[channel] ?? 0) + value;
      });
    }
    return sums.map((sum) => sum / offsets.length);
  });
}

/** A light diagonal band across the picture. */
function addWatermark(picture: Picture): Picture {
  return draw(picture.width, picture.height, (x, y) => {
    const colour = readPixel(picture, x, y);
    const isMarked = Math.abs(x / picture.width + y / picture.height - 1) < 0.06;
    return isMarked ? colour.map((value) => (value + 255) / 2) : colour;
  });
}

function arrange(pictures: readonly Picture[]): Picture {
  const [cellWidth, cellHeight] = [THUMBNAIL.width + GAP, THUMBNAIL.height + GAP];
  const rows = Math.ceil(pictures.length / COLUMNS);
  return draw(COLUMNS * cellWidth + GAP, rows * cellHeight + GAP, (x, y) => {
    const [column, row] = [Math.floor((x - GAP) / cellWidth), Math.floor((y - GAP) / cellHeight)];
    const [left, top] = [x - GAP - column * cellWidth, y - GAP - row * cellHeight];
    const picture = column < 0 || row < 0 ? undefined : pictures[row * COLUMNS + column];
    const isInside = picture && left < THUMBNAIL.width && top < THUMBNAIL.height;
    return isInside ? readPixel(picture, left, top) : [244, 242, 236];
  });
}
