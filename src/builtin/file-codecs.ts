import type { Duplex } from 'node:stream';
import { constants, createBrotliCompress, createGzip, createZstdCompress } from 'node:zlib';

export const compressions = ['gzip', 'brotli', 'zstd'] as const;
export type Compression = (typeof compressions)[number];

export interface Codec {
  /** Follows the name of what is compressed. */
  suffix: string;
  create(): Duplex;
}

export const codecs: Readonly<Record<Compression, Codec>> = {
  gzip: { suffix: '.gz', create: () => createGzip() },
  // Brotli's default (11) is made for files that are packed once: it takes minutes for what 5 does in seconds.
  brotli: { suffix: '.br', create: () => createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }) },
  zstd: { suffix: '.zst', create: () => createZstdCompress() },
};
