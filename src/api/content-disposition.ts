/**
 * The file name in a `Content-Disposition` (RFC 6266), e.g. `attachment; filename*=UTF-8''gr%C3%BC%C3%9Fe.txt`. Pure.
 * @returns undefined where there is none that can be read
 */
export function readFileName(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const extended = /;\s*filename\*\s*=\s*(utf-8|iso-8859-1)'[^']*'([^;\s]+)/i.exec(header);
  return decode(extended?.[1], extended?.[2]) ?? readPlain(header);
}

function readPlain(header: string): string | undefined {
  const quoted = /;\s*filename\s*=\s*"((?:[^"\\]|\\.)*)"/i.exec(header)?.[1]?.replaceAll(/\\(.)/g, '$1');
  const name = quoted ?? /;\s*filename\s*=\s*([^;\s"]+)/i.exec(header)?.[1];
  // Node gives each byte of a header as a character; senders of UTF-8 mean otherwise.
  return name && (decodeBytes(Buffer.from(name, 'latin1'), 'utf-8') ?? name);
}

function decode(charset: string | undefined, text: string | undefined): string | undefined {
  if (charset === undefined || text === undefined) return undefined;
  if (!/^(%[0-9a-f]{2}|[\w!#$&+.^`|~-])+$/i.test(text)) return undefined;
  const bytes = text.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return decodeBytes(Buffer.from(bytes, 'latin1'), charset);
}

function decodeBytes(bytes: Uint8Array, charset: string): string | undefined {
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes);
  } catch {
    return undefined; // bytes that are not of that character set
  }
}
