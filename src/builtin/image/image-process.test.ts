import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunJobOptions, runJob } from '../../testing.ts';
import { fileProcess } from '../file-process.ts';
import { imageProcess } from './image-process.ts';

const JOB = '01980000-0000-7000-8000-000000000001';
let base: string;

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'image-process-')));
});
afterEach(() => rmSync(base, { recursive: true }));

const options = (): RunJobOptions => ({
  services: { storageDir: base, fileRoots: [] },
  storageDir: base,
  job: { id: JOB },
});

async function run(content: Buffer | string, input: Record<string, unknown> = {}, more: RunJobOptions = {}) {
  writeFileSync(join(base, 'cat.img'), content);
  const { output, files, progress } = await runJob(
    imageProcess,
    { source: 'cat.img', ...input },
    { ...options(), ...more },
  );
  return { output, progress, contents: files.map(({ path }) => readFileSync(path)) };
}

const RED = { r: 255, g: 0, b: 0 };
const colours = { topLeft: RED, topRight: { r: 0, g: 255, b: 0 }, bottomLeft: { r: 0, g: 0, b: 255 } };

/** 40 × 20 pixels: red, green, blue and white quarters. */
function quarters(): Sharp {
  const block = (background: object) => ({ create: { width: 20, height: 10, channels: 3 as const, background } });
  const white = { create: { width: 40, height: 20, channels: 3 as const, background: '#ffffff' } };
  return sharp(white).composite([
    { input: block(colours.topLeft), left: 0, top: 0 },
    { input: block(colours.topRight), left: 20, top: 0 },
    { input: block(colours.bottomLeft), left: 0, top: 10 },
  ]);
}

/** 8 × 8 pixels: a red frame, then a blue one. */
async function animation(): Promise<Buffer> {
  const frame = (background: object) =>
    sharp({ create: { width: 8, height: 8, channels: 3, background } })
      .png()
      .toBuffer();
  const frames = await Promise.all([RED, { r: 0, g: 0, b: 255 }].map(frame));
  return sharp(frames, { join: { animated: true } })
    .gif({ delay: [100, 100] })
    .toBuffer();
}

/** The colour of a pixel, as words, so that what encoders change a little stays the same. */
async function colourAt(content: Buffer | undefined, left: number, top: number): Promise<string> {
  const { data, info } = await sharp(content).raw().toBuffer({ resolveWithObject: true });
  const at = (top * info.width + left) * info.channels;
  const [r = 0, g = 0, b = 0] = [...data.subarray(at, at + 3)].map((value) => Math.round(value / 255));
  return (
    ({ '100': 'red', '010': 'green', '001': 'blue', '111': 'white', '000': 'black' } as const)[
      `${r}${g}${b}` as '100'
    ] ?? `${r}${g}${b}`
  );
}

describe('image:process', () => {
  it.each([
    ['jpeg', 'jpg'],
    ['png', 'png'],
    ['webp', 'webp'],
    ['avif', 'avif'],
  ] as const)('converts to %s, and keeps every quarter in its place', async (format, ending) => {
    const { output, contents } = await run(await quarters().png().toBuffer(), { format, quality: 90 });
    expect(output).toMatchObject({
      source: { format: 'png', width: 40, height: 20 },
      images: [
        { variant: null, key: `${JOB}-cat.${ending}`, format, width: 40, height: 20, bytes: contents[0]?.length },
      ],
    });
    expect((await sharp(contents[0]).metadata()).format).toBe(format === 'avif' ? 'heif' : format);
    for (const [left, top, colour] of [
      [10, 5, 'red'],
      [30, 5, 'green'],
      [10, 15, 'blue'],
      [30, 15, 'white'],
    ] as const) {
      expect(await colourAt(contents[0], left, top)).toBe(colour);
    }
  });

  it.each([
    ['jpeg', 'jpeg'],
    ['webp', 'webp'],
    ['gif', 'png'],
    ['tiff', 'png'],
  ] as const)('keeps %s as %s unless it is told otherwise', async (given, format) => {
    const { output } = await run(await quarters().toFormat(given).toBuffer());
    expect(output.images[0]?.format).toBe(format);
  });

  it.each([
    [{ width: 20 }, 20, 10],
    [{ height: 5 }, 10, 5],
    [{ width: 10, height: 10 }, 10, 5],
    [{ width: 10, height: 10, fit: 'outside' }, 20, 10],
    [{ width: 10, height: 10, fit: 'fill' }, 10, 10],
    [{ width: 10, height: 10, fit: 'cover' }, 10, 10],
    [{ width: 10, height: 10, fit: 'contain' }, 10, 10],
    [{ width: 400 }, 40, 20],
    [{ width: 400, withoutEnlargement: false }, 400, 200],
  ])('resizes to %j as %i × %i', async (resize, width, height) => {
    const { output, contents } = await run(await quarters().png().toBuffer(), { resize });
    expect(output.images[0]).toMatchObject({ width, height });
    expect(await sharp(contents[0]).metadata()).toMatchObject({ width, height });
  });

  it('keeps the part that position says when it cuts, and adds borders of the background', async () => {
    const source = await quarters().png().toBuffer();
    const cut = (position: string) => run(source, { resize: { width: 10, height: 10, fit: 'cover', position } });
    expect(await colourAt((await cut('left')).contents[0], 5, 2)).toBe('red');
    expect(await colourAt((await cut('right')).contents[0], 5, 2)).toBe('green');
    const resize = { width: 20, height: 20, fit: 'contain' };
    const { contents } = await run(source, { resize, background: '#000000' });
    expect(await colourAt(contents[0], 10, 1)).toBe('black');
    expect(await colourAt(contents[0], 3, 7)).toBe('red');
  });

  it('turns as EXIF says, then by the angle, and crops what it then sees', async () => {
    const lying = await quarters().jpeg({ quality: 100 }).withMetadata({ orientation: 6 }).toBuffer(); // shown a quarter clockwise
    const upright = await run(lying);
    expect(upright.output).toMatchObject({ source: { width: 20, height: 40 }, images: [{ width: 20, height: 40 }] });
    expect(await colourAt(upright.contents[0], 5, 5)).toBe('blue');
    expect(await colourAt(upright.contents[0], 15, 5)).toBe('red');
    const raw = await run(lying, { autoOrient: false });
    expect(raw.output.images[0]).toMatchObject({ width: 40, height: 20 });
    const turned = await run(lying, { rotate: 270 });
    expect(turned.output.images[0]).toMatchObject({ width: 40, height: 20 });
    expect(await colourAt(turned.contents[0], 10, 5)).toBe('red');
    const cropped = await run(lying, { crop: { left: 12, top: 2, width: 6, height: 8 }, resize: { width: 3 } });
    expect(cropped.output.images[0]).toMatchObject({ width: 3, height: 4 });
    expect(await colourAt(cropped.contents[0], 1, 1)).toBe('red');
  });

  it.each([{}, { keepMetadata: true }])(
    'makes several sizes of one image, each with its own file: %j',
    async (more) => {
      const { output, contents, progress } = await run(await quarters().png().toBuffer(), {
        name: 'Meine Katze.png',
        format: 'webp',
        variants: [
          { name: 'small', resize: { width: 10 } },
          { name: 'square', resize: { width: 8, height: 8, fit: 'cover', position: 'right' }, format: 'png' },
          { name: 'full', format: 'jpeg', quality: 100 },
        ],
        ...more,
      });
      expect(output.images.map(({ variant, key, width, height }) => [variant, key, width, height])).toEqual([
        ['small', `${JOB}-Meine_Katze-small.webp`, 10, 5],
        ['square', `${JOB}-Meine_Katze-square.png`, 8, 8],
        ['full', `${JOB}-Meine_Katze-full.jpg`, 40, 20],
      ]);
      expect(await colourAt(contents[0], 2, 1)).toBe('red');
      expect(await colourAt(contents[1], 5, 1)).toBe('green');
      expect(await colourAt(contents[2], 30, 15)).toBe('white');
      expect(progress.map(({ percent }) => percent)).toEqual([10, 40, 70, 100]);
    },
  );

  it('fills what is transparent where the format knows no transparency', async () => {
    const clear = sharp({ create: { width: 4, height: 4, channels: 4, background: { ...RED, alpha: 0 } } });
    const source = await clear.png().toBuffer();
    const { contents } = await run(source, { format: 'jpeg', background: '#0000ff' });
    expect(await colourAt(contents[0], 1, 1)).toBe('blue');
    expect((await sharp((await run(source, { format: 'webp' })).contents[0]).metadata()).hasAlpha).toBe(true);
  });

  it('strips metadata, unless it is told to keep it', async () => {
    const source = await quarters()
      .jpeg()
      .withExif({ IFD0: { Make: 'Camera' } })
      .toBuffer();
    expect((await sharp((await run(source)).contents[0]).metadata()).exif).toBeUndefined();
    const kept = await sharp((await run(source, { keepMetadata: true })).contents[0]).metadata();
    expect(kept.exif?.includes('Camera')).toBe(true);
  });

  it('takes the first frame of an animation, or keeps all of them as WebP', async () => {
    const gif = await animation();
    const still = await run(gif, { format: 'webp' });
    expect((await sharp(still.contents[0]).metadata()).pages ?? 1).toBe(1);
    expect(await colourAt(still.contents[0], 4, 4)).toBe('red');
    const moving = await run(gif, { animated: true, resize: { width: 4 } });
    expect(moving.output.images[0]).toMatchObject({ format: 'webp', width: 4, height: 4 });
    expect(await sharp(moving.contents[0], { animated: true }).metadata()).toMatchObject({ pages: 2, pageHeight: 4 });
  });

  const svg = '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>';

  it.each<[string, () => Promise<Buffer | string>, Record<string, unknown>, RegExp]>([
    ['text', async () => 'no image', {}, /is no image/],
    ['nothing', async () => '', {}, /is no image/],
    ['SVG', async () => svg, {}, /SVG|xml/],
    ['SVG without a prologue', async () => svg.slice(21), {}, /SVG/],
    ['PDF', async () => '%PDF-1.7\n1 0 obj\n', {}, /application\/pdf/],
    ['half of a JPEG', async () => (await quarters().jpeg().toBuffer()).subarray(0, 400), {}, /cannot be processed/],
    ['damaged PNG', async () => (await quarters().png().toBuffer()).subarray(0, 60), {}, /cannot be processed/],
    [
      'more pixels than allowed',
      async () => quarters().png().toBuffer(),
      { maxPixels: 799 },
      /40 × 20 pixels|pixel limit/,
    ],
    ['more bytes than allowed', async () => quarters().png().toBuffer(), { maxBytes: 50 }, /maxBytes/],
    [
      'a crop outside',
      async () => quarters().png().toBuffer(),
      { crop: { left: 30, top: 0, width: 11, height: 5 } },
      /not within the image/,
    ],
    [
      'a small image that shall become huge',
      async () => quarters().png().toBuffer(),
      { format: 'avif', resize: { width: 16_000, withoutEnlargement: false } },
      /16000 × 8000 pixels is too large/,
    ],
    [
      'an animation that shall become huge',
      async () => animation(),
      { animated: true, resize: { width: 8000, withoutEnlargement: false } },
      /in 2 frames is too large/,
    ],
  ])('fails at once for %s, and keeps nothing', async (_, make, input, message) => {
    const content = await make();
    await expect(run(content, input)).rejects.toMatchObject({
      name: 'NonRetryableError',
      message: expect.stringMatching(message),
    });
  });

  it.each([
    [{ resize: {} }, 'input.resize.width'],
    [{ resize: { width: 0 } }, 'input.resize.width'],
    [{ resize: { width: 20_000 } }, 'input.resize.width'],
    [{ variants: [{ name: 'a' }, { name: 'A' }] }, 'input.variants'],
    [{ variants: [{ name: '../a' }] }, 'input.variants.0.name'],
    [{ variants: [{ name: 'a' }], resize: { width: 1 } }, 'input.resize'],
    [{ format: 'gif' }, 'input.format'],
    [{ quality: 0 }, 'input.quality'],
    [{ rotate: 45 }, 'input.rotate'],
    [{ animated: true, format: 'png' }, 'input.format'],
    [{ animated: true, rotate: 90 }, 'input.animated'],
    [{ background: 'red' }, 'input.background'],
  ])('refuses %j', async (input, path) => {
    await expect(run('', input)).rejects.toMatchObject({ errors: [expect.objectContaining({ path })] });
  });

  it('makes no more results once it is aborted', async () => {
    const abort = new AbortController();
    const variants = ['a', 'b', 'c'].map((name) => ({ name }));
    writeFileSync(join(base, 'cat.img'), await quarters().png().toBuffer());
    const definition = { ...imageProcess };
    const running = runJob(
      {
        ...definition,
        run: (input, ctx) =>
          definition.run(input, { ...ctx, progress: (percent) => percent > 30 && abort.abort(new Error('cancelled')) }),
      },
      { source: 'cat.img', variants },
      { ...options(), signal: abort.signal },
    );
    await expect(running).rejects.toThrow('cancelled');
  });
});

describe('the metadata of an image', () => {
  const read = async (content: Buffer | string) => {
    writeFileSync(join(base, 'photo'), content);
    return (await runJob(fileProcess, { operation: 'metadata', source: 'photo' }, options())).output;
  };

  it('tells size, format, orientation and what the camera wrote', async () => {
    const exif = {
      IFD0: { Make: 'Camera', Model: 'One' },
      IFD2: {
        DateTimeOriginal: '2026:01:31 08:00:00',
        ExposureTime: '1/200',
        FNumber: '28/10',
        FocalLength: '50/1',
        ISOSpeedRatings: '400',
      },
      IFD3: { GPSLatitude: '52/1 30/1 0/1', GPSLatitudeRef: 'N' },
    };
    const content = await quarters().withMetadata({ orientation: 6 }).withExif(exif).jpeg().toBuffer();
    expect(await read(content)).toEqual({
      operation: 'metadata',
      bytes: content.length,
      image: {
        format: 'jpeg',
        width: 40,
        height: 20,
        orientation: 6,
        pages: 1,
        hasAlpha: false,
        colorSpace: 'srgb',
        exif: {
          make: 'Camera',
          model: 'One',
          takenAt: '2026-01-31T08:00:00',
          exposureSeconds: 0.005,
          fNumber: 2.8,
          iso: 400,
          focalLengthMm: 50,
          hasLocation: true,
        },
      },
    });
  });

  it('counts the frames of an animation, and says null where there is nothing', async () => {
    const frame = await quarters().png().toBuffer();
    const gif = await sharp([frame, await quarters().negate().png().toBuffer()], { join: { animated: true } })
      .gif()
      .toBuffer();
    expect((await read(gif)).image).toMatchObject({
      format: 'gif',
      width: 40,
      height: 20,
      pages: 2,
      orientation: null,
      exif: null,
    });
  });

  it('says null where tags claim so many values that they would fill the memory', async () => {
    const tags = 5000;
    const exif = Buffer.alloc(65_000);
    exif.write('Exif\0\0II*\0', 'latin1');
    exif.writeUInt32LE(8, 10); // where the tags begin
    exif.writeUInt16LE(tags, 14);
    for (let tag = 0; tag < tags; tag += 1) {
      const at = 16 + 12 * tag;
      exif.writeUInt16LE(tag + 1, at);
      exif.writeUInt16LE(1, at + 2); // bytes
      exif.writeUInt32LE(0xffff_ffff, at + 4);
    }
    const jpeg = await quarters().jpeg().toBuffer();
    const head = Buffer.from([0xff, 0xd8, 0xff, 0xe1, 0, 0]);
    head.writeUInt16BE(exif.length + 2, 4);
    expect((await read(Buffer.concat([head, exif, jpeg.subarray(2)]))).image).toMatchObject({ width: 40, exif: null });
  });

  it('fails at once for what is no image', async () => {
    await expect(read('text')).rejects.toMatchObject({ name: 'NonRetryableError' });
  });
});
