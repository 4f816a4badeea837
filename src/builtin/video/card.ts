import { type Format, type Size, sizes } from './formats.ts';
import { choosePalette, type Palette } from './palettes.ts';
import { type Fit, fitText } from './text-fit.ts';

/** What a title card shows. */
export interface Card {
  format: Format;
  /** Of the scene. Empty: the narration is the headline. */
  title: string;
  narration: string;
  /** Of the video; small, at the top. */
  heading: string;
  /** From 1. */
  scene: number;
  scenes: number;
  /** A data URL of a picture behind everything. */
  background?: string | undefined;
}

type Style = Record<string, string | number>;

/** An element as satori takes it, without React. */
export interface CardNode {
  type: 'div' | 'img';
  props: { style: Style; src?: string; children?: CardNode[] | string };
}

const margins: Readonly<Record<Format, number>> = { landscape: 88, vertical: 68 };
const HEADER_HEIGHT = 40;
/** The accent above the title, with the space below it. */
const BAR_HEIGHT = 42;
const GAP = 28;
const TITLE_LINE_HEIGHT = 1.14;
const QUOTE_LINE_HEIGHT = 1.28;
const TEXT_LINE_HEIGHT = 1.42;
/** Of what is beside the margins: lines of small text that are as wide as the title are hard to read. */
const TEXT_WIDTH_SHARE = 0.94;
/** The largest part of the middle that a title takes, where there is a text below it. */
const TITLE_HEIGHT_SHARE = 0.56;
/** What the number of the scene takes of the header, with the space before it. */
const NUMBER_WIDTH = 200;
const TITLE_SIZES = [92, 84, 76, 68, 60, 54, 48, 42, 36] as const;
const QUOTE_SIZES = [64, 58, 52, 46, 40, 36, 32, 28] as const;
const TEXT_SIZES = [40, 38, 36, 34, 32, 30, 28, 26, 24] as const;
/** More would be too narrow to count. */
const MAX_SEGMENTS = 16;
/** Signs that are common in technical texts and not in the font. */
const substitutes: Readonly<Record<string, string>> = { '→': '>', '←': '<', '≤': '<=', '≥': '>=', '≠': '!=' };

/** Lays out a card: heading and number above, what is told in the middle, and how far the video is below. */
export function layOutCard(card: Card): CardNode {
  const size = sizes[card.format];
  const margin = margins[card.format];
  const palette = choosePalette(card.heading, card.scene);
  return box({ position: 'relative', width: size.width, height: size.height, color: '#ffffff', fontWeight: 400 }, [
    ...(card.background === undefined ? paintBackground(size, palette) : placePicture(size, card.background)),
    box(
      {
        position: 'absolute',
        left: margin,
        top: margin,
        width: size.width - 2 * margin,
        height: size.height - 2 * margin,
        flexDirection: 'column',
        justifyContent: 'space-between',
      },
      [layOutHeader(card, palette), layOutMiddle(card, size, palette), layOutProgress(card, palette)],
    ),
  ]);
}

function paintBackground({ width, height }: Size, { from, via, to, accent }: Palette): CardNode[] {
  const radius = Math.max(width, height) * 0.42;
  const circle = (left: number, top: number, scale: number, opacity: number) => {
    const side = radius * scale;
    const place = { position: 'absolute', left, top, width: side, height: side };
    return box({ ...place, borderRadius: side, backgroundColor: accent, opacity });
  };
  return [
    fill({ width, height }, { backgroundImage: `linear-gradient(135deg, ${from} 0%, ${via} 55%, ${to} 100%)` }),
    circle(width - radius * 0.7, -radius * 0.45, 1.15, 0.08),
    circle(width - radius * 0.35, height - radius * 0.75, 0.8, 0.07),
    circle(-radius * 0.45, height - radius * 0.35, 0.7, 0.05),
  ];
}

function placePicture(size: Size, src: string): CardNode[] {
  const style = { position: 'absolute', left: 0, top: 0, ...size, objectFit: 'cover' };
  return [
    { type: 'img', props: { src, style } },
    fill(size, { backgroundColor: 'rgba(6, 10, 24, 0.5)' }),
    fill(size, { backgroundImage: 'linear-gradient(to top, rgba(6, 10, 24, 0.75), rgba(6, 10, 24, 0.05) 75%)' }),
  ];
}

function layOutHeader({ heading, title, scene, scenes, format }: Card, { accent }: Palette): CardNode {
  const number = (value: number) => String(value).padStart(2, '0');
  const label = [
    box({ width: 14, height: 14, borderRadius: 7, backgroundColor: accent, marginRight: 16 }),
    text(heading, {
      ...clampTo(1),
      maxWidth: sizes[format].width - 2 * margins[format] - NUMBER_WIDTH,
      opacity: 0.82,
    }),
  ];
  const isTold = heading === '' || heading === title;
  return box({ justifyContent: 'space-between', alignItems: 'center', height: HEADER_HEIGHT, fontSize: 24 }, [
    box({ alignItems: 'center' }, isTold ? [] : label),
    box({ fontWeight: 700 }, [
      text(number(scene), {}),
      text(`/ ${number(scenes)}`, { fontWeight: 400, opacity: 0.6, marginLeft: 10 }),
    ]),
  ]);
}

function layOutMiddle({ title, narration, format }: Card, size: Size, { accent }: Palette): CardNode {
  const width = size.width - 2 * margins[format];
  const height = size.height - 2 * margins[format] - 2 * HEADER_HEIGHT - BAR_HEIGHT - GAP;
  const bar = box({ width: 84, height: 8, borderRadius: 4, backgroundColor: accent, marginBottom: BAR_HEIGHT - 8 });
  if (title === '') {
    const lineHeight = QUOTE_LINE_HEIGHT;
    const fit = fitText(narration, { width, height, fontSizes: QUOTE_SIZES, lineHeight });
    return column([bar, text(narration, { fontWeight: 700, lineHeight, letterSpacing: -0.5, ...show(fit) })]);
  }
  const lineHeight = TITLE_LINE_HEIGHT;
  const head = fitText(title, { width, height: height * TITLE_HEIGHT_SHARE, fontSizes: TITLE_SIZES, lineHeight });
  const left = height - head.lines * head.fontSize * lineHeight - GAP;
  const textWidth = width * TEXT_WIDTH_SHARE;
  const room = { width: textWidth, height: left, fontSizes: TEXT_SIZES, lineHeight: TEXT_LINE_HEIGHT };
  const body = fitText(narration, room);
  return column([
    bar,
    text(title, { fontWeight: 700, lineHeight, letterSpacing: -head.fontSize / 50, ...show(head) }),
    text(narration, {
      marginTop: GAP,
      maxWidth: textWidth,
      lineHeight: TEXT_LINE_HEIGHT,
      opacity: 0.9,
      ...show(body),
    }),
  ]);
}

function layOutProgress({ scene, scenes }: Card, { accent }: Palette): CardNode {
  const track = 'rgba(255, 255, 255, 0.22)';
  const style = { height: 6, borderRadius: 3, flexGrow: 1 };
  if (scenes > MAX_SEGMENTS) {
    const done = box({ height: 6, borderRadius: 3, backgroundColor: accent, width: `${(100 * scene) / scenes}%` });
    return box({ ...style, flexGrow: 0, backgroundColor: track }, [done]);
  }
  const segments = Array.from({ length: scenes }, (_, index) =>
    box({ ...style, backgroundColor: index < scene ? accent : track, marginLeft: index === 0 ? 0 : 10 }),
  );
  return box({ height: 6 }, segments);
}

function show({ fontSize, room }: Fit): Style {
  return { fontSize, ...clampTo(room) };
}

function clampTo(lines: number): Style {
  return { display: 'block', lineClamp: lines, wordBreak: 'break-word', overflow: 'hidden' };
}

function fill(size: Size, style: Style): CardNode {
  return box({ position: 'absolute', left: 0, top: 0, ...size, ...style });
}

function column(children: CardNode[]): CardNode {
  return box({ flexDirection: 'column' }, children);
}

function text(content: string, style: Style): CardNode {
  const drawable = content.replaceAll(/[→←≤≥≠]/g, (sign) => substitutes[sign] ?? sign);
  return { type: 'div', props: { style, children: drawable } };
}

function box(style: Style, children: CardNode[] = []): CardNode {
  return { type: 'div', props: { style: { display: 'flex', ...style }, children } };
}
