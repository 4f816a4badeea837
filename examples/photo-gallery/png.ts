/** PNG pictures of 8 bits for red, green and blue, made with Node alone. Where you have sharp, use that. */
import { crc32, deflateSync, inflateSync } from 'node:zlib';

export interface Picture {
  width: number;
  height: number;
  /** Three bytes a pixel, row by row. */
  pixels: Buffer;
}

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');
/** 8 bits a channel, red green blue, and the only methods of compression, filter and order that we write. */
const RGB = Buffer.from([8, 2, 0, 0, 0]);

/** @param paint gives the red, green and blue of a place, each 0 to 255 */
export function draw(width: number, height: number, paint: (x: number, y: number) => number[]): Picture {
  const pixels = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) pixels.set(paint(x, y), (y * width + x) * 3);
  }
  return { width, height, pixels };
}

export function readPixel({ width, pixels }: Picture, x: number, y: number): number[] {
  const at = (y * width + x) * 3;
  return [...pixels.subarray(at, at + 3)];
}

export function encodePng({ width, height, pixels }: Picture): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Each row begins with the number of its filter; 0 is none.
  const rows = Array.from({ length: height }, (_, y) => [
    Buffer.of(0),
    pixels.subarray(y * width * 3, (y + 1) * width * 3),
  ]);
  const data = deflateSync(Buffer.concat(rows.flat()));
  return Buffer.concat([
    SIGNATURE,
    makeChunk('IHDR', Buffer.concat([header, RGB])),
    makeChunk('IDAT', data),
    makeChunk('IEND', Buffer.alloc(0)),
  ]);
}

/**
 * Reads what {@link encodePng} has written.
 * @throws when it is damaged, or another kind of PNG
 */
export function decodePng(png: Buffer): Picture {
  if (!png.subarray(0, 8).equals(SIGNATURE)) throw new Error('it is no PNG');
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < png.length; ) {
    const end = at + 8 + png.readUInt32BE(at);
    const data = png.subarray(at + 8, end);
    if (end + 4 > png.length || png.readUInt32BE(end) !== crc32(png.subarray(at + 4, end)))
      throw new Error('it is damaged');
    chunks.set(png.toString('latin1', at + 4, at + 8), data);
    at = end + 4;
  }
  const [header, data] = [chunks.get('IHDR'), chunks.get('IDAT')];
  if (!header?.subarray(8).equals(RGB) || !data) throw new Error('it is a PNG of another kind');
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const rows = inflateSync(data);
  const pixels = Array.from({ length: height }, (_, y) =>
    rows.subarray(y * (width * 3 + 1) + 1, (y + 1) * (width * 3 + 1)),
  );
  return { width, height, pixels: Buffer.concat(pixels) };
}

function makeChunk(type: string, data: Buffer): Buffer {
  const chunk = Buffer.alloc(data.length + 12);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write(type, 4, 'latin1');
  data.copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, data.length + 8)), data.length + 8);
  return chunk;
}
