/** What is shorter is no secret, and part of many a word. */
const MIN_LENGTH = 4;

/**
 * Takes secrets out of what an error says, and out of its causes: a server may repeat what it was sent. Changes the error.
 * @returns the error
 */
export function hideSecrets<Thrown>(error: Thrown, secrets: readonly string[]): Thrown {
  const hide = (text: string) =>
    secrets.reduce((rest, secret) => (secret.length < MIN_LENGTH ? rest : rest.replaceAll(secret, '***')), text);
  const seen = new Set<unknown>();
  for (let part: unknown = error; part instanceof Error && !seen.has(part); part = part.cause) {
    seen.add(part);
    const texts = part as unknown as Record<string, unknown>;
    for (const name of ['message', 'stack', 'response']) {
      const text = texts[name];
      if (typeof text === 'string' && hide(text) !== text) texts[name] = hide(text);
    }
  }
  return error;
}
