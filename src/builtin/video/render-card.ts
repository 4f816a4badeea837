import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Font } from 'satori';
import { type Card, layOutCard } from './card.ts';
import { sizes } from './formats.ts';

const require = createRequire(import.meta.url);

/** Inter comes in one file for each group of scripts; the first that has a letter draws it. */
const SUBSETS = ['latin', 'latin-ext', 'cyrillic', 'cyrillic-ext', 'greek', 'greek-ext', 'vietnamese'];
const WEIGHTS = [400, 700] as const;
const FONT_FAMILY = SUBSETS.map((subset) => `Inter ${subset}`).join(', ');

interface Renderer {
  /** @returns an SVG whose text is drawn as paths */
  draw(card: Card): Promise<string>;
  /** @returns a PNG */
  rasterize(svg: string): Uint8Array;
}

let renderer: Promise<Renderer> | undefined;

/** @returns a PNG of the size that the card's format has */
export async function renderCard(card: Card): Promise<Uint8Array> {
  renderer ??= loadRenderer();
  const { draw, rasterize } = await renderer;
  return rasterize(await draw(card));
}

// Loaded with the first card: programs that render none do not pay for it. WebAssembly may be set up only once.
async function loadRenderer(): Promise<Renderer> {
  const [{ default: satori }, { initWasm, Resvg }, fonts] = await Promise.all([
    import('satori'),
    import('@resvg/resvg-wasm'),
    loadFonts(),
  ]);
  await initWasm(await readFile(require.resolve('@resvg/resvg-wasm/index_bg.wasm')));
  return {
    draw(card) {
      const root = layOutCard(card);
      root.props.style.fontFamily = FONT_FAMILY;
      // Its types ask for elements of React, which it does not need.
      return satori(root as Parameters<typeof satori>[0], { ...sizes[card.format], fonts });
    },
    rasterize(svg) {
      const drawing = new Resvg(svg);
      const image = drawing.render();
      try {
        return image.asPng();
      } finally {
        image.free(); // memory of WebAssembly is not collected
        drawing.free();
      }
    },
  };
}

async function loadFonts(): Promise<Font[]> {
  const folder = join(dirname(require.resolve('@fontsource/inter/package.json')), 'files');
  const wanted = SUBSETS.flatMap((subset) => WEIGHTS.map((weight) => ({ subset, weight })));
  return Promise.all(
    wanted.map(async ({ subset, weight }) => {
      const data = await readFile(join(folder, `inter-${subset}-${weight}-normal.woff`));
      return { name: `Inter ${subset}`, data, weight, style: 'normal' as const };
    }),
  );
}
