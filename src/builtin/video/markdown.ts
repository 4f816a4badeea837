/** A part of a document: what stands below one heading. */
export interface Section {
  /** 0 before the first heading. */
  level: number;
  /** Empty before the first heading. */
  heading: string;
  /** Plain text; an item of a list is one of its own. */
  paragraphs: string[];
}

const FENCE = /^\s{0,3}(`{3,}|~{3,})/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(.*)$/;
const UNDERLINE = /^ {0,3}(=+|-{2,})[ \t]*$/;
const ITEM = /^\s*(?:[-*+•]|\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?/;
/** Rules, rows of tables, and definitions of links and footnotes. */
const NO_PROSE = /^\s*(?:\||([-*_])[ \t]*(?:\1[ \t]*){2,}$|\[[^\]]{1,200}\]:)/;
const EMOJI = /\u200D?(?:\p{Emoji_Presentation}|[\u2600-\u27BF\u{1F000}-\u{1FAFF}])\uFE0F?/gu;

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** Reads Markdown, or plain text, as sections of plain paragraphs; code, tables, pictures and badges are left out. */
export function readSections(text: string): Section[] {
  const sections: Section[] = [{ level: 0, heading: '', paragraphs: [] }];
  let lines: string[] = [];
  const endParagraph = () => {
    const paragraph = toPlainText(lines.join(' '));
    if (paragraph !== '') sections.at(-1)?.paragraphs.push(paragraph);
    lines = [];
  };
  const beginSection = (level: number, heading: string) => {
    sections.push({ level, heading: toPlainText(heading).replace(/[:#\s]+$/, ''), paragraphs: [] });
  };

  for (const line of readProseLines(text)) {
    const heading = HEADING.exec(line);
    if (heading) {
      endParagraph();
      beginSection(heading[1]?.length ?? 1, heading[2] ?? '');
    } else if (UNDERLINE.test(line) && lines.length === 1) {
      beginSection(line.includes('=') ? 1 : 2, lines.pop() ?? '');
    } else if (line.trim() === '' || NO_PROSE.test(line)) {
      endParagraph();
    } else {
      if (ITEM.test(line)) endParagraph();
      lines.push(line.replace(ITEM, ''));
    }
  }
  endParagraph();
  return sections.filter(({ heading, paragraphs }) => heading !== '' || paragraphs.length > 0);
}

function* readProseLines(text: string): Generator<string> {
  let fence: string | undefined;
  for (const raw of dropHidden(text).split('\n')) {
    const line = raw.replace(/^\s{0,3}(?:>\s?)+/, '');
    const mark = FENCE.exec(line)?.[1];
    if (fence !== undefined) {
      if (mark?.startsWith(fence)) fence = undefined;
    } else if (mark !== undefined) {
      fence = mark;
      yield '';
    } else {
      yield line;
    }
  }
}

// What is not closed reaches to the end: so each pattern passes over the text once.
function dropHidden(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/\r\n?/g, '\n')
    .replace(/^\uFEFF?---\n[\s\S]*?(?:\n---(?:\n|$)|$(?![\s\S]))/, '')
    .replaceAll(/<!--[\s\S]*?(?:-->|$(?![\s\S]))/g, '')
    .replaceAll(/<(script|style|pre)\b[\s\S]*?(?:<\/\1>|$(?![\s\S]))/gi, '\n\n');
}

/** One paragraph without its markup. */
export function toPlainText(markup: string): string {
  return markup
    .replaceAll(/!\[[^[\]]*\](?:\([^()]*\)|\[[^[\]]*\])/g, '')
    .replaceAll(/\[\^[^[\]]*\]/g, '')
    .replaceAll(/\[([^[\]]*)\](?:\((?:[^()]|\([^()]*\))*\)|\[[^[\]]*\])?/g, '$1')
    .replaceAll(/<\/?[a-zA-Z][^<>]*>/g, (tag) => (/^<(?:https?|mailto):/i.test(tag) ? tag.slice(1, -1) : ' '))
    .replaceAll(/\bhttps?:\/\/\S+/g, nameHost)
    .replaceAll(/`+/g, '')
    .replaceAll(/\*\*|__|~~/g, '')
    .replaceAll(/(?<![\w*\\])[*_](?=\S)|(?<=[^\s\\])[*_](?![\w*])/g, '')
    .replaceAll(/(?<=^|\s):[a-z0-9_+-]{2,30}:(?=\s|$)/g, '')
    .replaceAll(/&(?:#(\d{1,6})|(\w{2,6}));/g, decodeEntity)
    .replaceAll(/\\([!-/:-@[-`{-~])/g, '$1')
    .replaceAll(EMOJI, '')
    .replaceAll(/[\p{Cc}\u00AD\u200B\u2060\uFEFF]/gu, ' ')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/ (?=[.,;!?](?:\s|$))/g, '')
    .trim();
}

function decodeEntity(entity: string, code: string | undefined, name: string | undefined): string {
  if (code !== undefined) return Number(code) <= 0x10ffff ? String.fromCodePoint(Number(code)).toWellFormed() : '';
  return entities[name?.toLowerCase() ?? ''] ?? entity;
}

// An address cannot be read aloud, but whose it is can.
function nameHost(address: string): string {
  const host = URL.parse(address)?.hostname.replace(/^www\./, '') ?? '';
  return /[.,;:!?]$/.test(address) ? `${host}${address.slice(-1)}` : host;
}
