import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { CliContext } from './context.ts';
import { UsageError } from './exit-codes.ts';

const EXCERPT_BEFORE = 40;
const EXCERPT_AFTER = 30;

/**
 * Reads the JSON of a flag: the text itself, `@file`, or `-` for standard input.
 * @throws UsageError that says what is wrong and where
 */
export async function readJsonFlag(cli: Pick<CliContext, 'cwd' | 'readStdin'>, flag: string, value: string) {
  if (value === '-') return parseJson(await cli.readStdin(), 'standard input');
  if (!value.startsWith('@')) return parseJson(value, flag);
  const path = resolve(cli.cwd, value.slice(1));
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new UsageError(`${flag}: ${describeFileFault(path, cause)}`, { cause });
  }
  return parseJson(text, value.slice(1));
}

/** @throws UsageError with the line, the column and an excerpt */
export function parseJson(text: string, origin: string): unknown {
  // PowerShell and some editors begin a file with a byte order mark.
  const clean = text.replace(/^\ufeff/, '');
  if (clean.trim() === '') throw new UsageError(`${origin} is empty; JSON is expected`);
  try {
    return JSON.parse(clean);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(describeJsonFault(clean, origin, reason), { cause });
  }
}

function describeJsonFault(text: string, origin: string, reason: string): string {
  const position = findPosition(text, reason);
  const before = text.slice(0, position);
  const line = before.split('\n').length;
  const column = position - before.lastIndexOf('\n');
  const shortReason = reason
    .replace(/ in JSON at position.*$| after JSON at.*$/s, '')
    .replace(/, .{0,4}".* is not valid JSON$/s, '');
  const start = Math.max(before.lastIndexOf('\n') + 1, position - EXCERPT_BEFORE);
  const excerpt = (text.slice(start, position + EXCERPT_AFTER).split('\n')[0] as string).replace(/[\t\r]/g, ' ');
  return `${origin} is not JSON: ${shortReason} (line ${line}, column ${column})\n  ${excerpt}\n  ${' '.repeat(position - start)}^`;
}

function findPosition(text: string, reason: string): number {
  const stated = /at position (\d+)/.exec(reason)?.[1];
  if (stated !== undefined) return Number(stated);
  if (!reason.startsWith('Unexpected token')) return text.trimEnd().length;
  // V8 states no position for a wrong token: it is the last character of the shortest beginning with that fault.
  let [short, long] = [0, text.length];
  while (short < long) {
    const middle = Math.floor((short + long) / 2);
    if (hasWrongToken(text.slice(0, middle))) long = middle;
    else short = middle + 1;
  }
  return Math.max(0, long - 1);
}

function hasWrongToken(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch (error) {
    return error instanceof Error && error.message.startsWith('Unexpected token');
  }
}

function describeFileFault(path: string, cause: unknown): string {
  const code = (cause as { code?: unknown }).code;
  if (code === 'ENOENT') return `there is no file ${path}`;
  if (code === 'EISDIR') return `${path} is a folder`;
  return `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`;
}
