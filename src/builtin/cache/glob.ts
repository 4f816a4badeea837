/**
 * Makes a test of a pattern in which `*` stands for any characters, also none. It looks for one literal part after the
 * other and never goes back, so unlike a regular expression it has no input that takes for ever.
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  const [first = '', ...rest] = pattern.split(/\*+/);
  const last = rest.pop();
  if (last === undefined) return (text) => text === first;
  return (text) => {
    if (!text.startsWith(first) || !text.endsWith(last)) return false;
    let position = first.length;
    for (const part of rest) {
      const found = text.indexOf(part, position);
      if (found === -1) return false;
      position = found + part.length;
    }
    return position <= text.length - last.length;
  };
}

/** @param include none: everything is included */
export function compileFilter(include: readonly string[], exclude: readonly string[]): (text: string) => boolean {
  const included = include.map(compileGlob);
  const excluded = exclude.map(compileGlob);
  return (text) =>
    (included.length === 0 || included.some((matches) => matches(text))) && !excluded.some((matches) => matches(text));
}
