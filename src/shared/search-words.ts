/** Shorter words are looked for, too, but no search consists of them alone. */
export const SHORTEST_WORD = 3;
const WORDS = /[0-9a-z\u0080-\u{10ffff}]+/gu;
const ESCAPES = /\\(?:u[0-9a-f]{4}|.)/gi;

/**
 * The words of a text, without repetition: letters and digits of ASCII, in small letters, and everything beyond ASCII as it
 * is. Nothing in it depends on a locale, so that PostgreSQL finds the same ({@link WORD_BEGIN}).
 */
export function splitWords(text: string): string[] {
  const small = text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
  return [...new Set(small.match(WORDS))];
}

/** The same for the text of a JSON value, whose escapes separate words as the characters do that they stand for. */
export function splitJsonWords(json: string): string[] {
  return splitWords(json.includes('\\') ? json.replaceAll(ESCAPES, ' ') : json);
}

/** What a word begins after, as a regular expression of PostgreSQL: every other character of ASCII, or the beginning. */
export const WORD_BEGIN = String.raw`(^|[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f])`;
