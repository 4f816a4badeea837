import pg from 'pg';
import type { ColumnKind } from '../define/queries.ts';

/** By the OIDs of PostgreSQL's own types, which never change. */
const kinds: Readonly<Record<number, ColumnKind>> = {
  16: 'boolean',
  17: 'bytes',
  20: 'bigint',
  21: 'integer',
  23: 'integer',
  26: 'bigint',
  114: 'json',
  700: 'real',
  701: 'double',
  1082: 'date',
  1114: 'timestamp',
  1184: 'timestamptz',
  1700: 'numeric',
  3802: 'json',
};

export function kindOf(oid: number): ColumnKind {
  return kinds[oid] ?? 'text';
}

/** Turns what PostgreSQL writes (in UTC, DateStyle ISO, bytea_output hex) into the text of a `QueryRow`. */
export function chooseFormat(kind: ColumnKind, elementOid: number): ((text: string) => string) | undefined {
  if (kind === 'boolean') return (text) => (text === 't' ? 'true' : 'false');
  if (kind === 'bytes') return (text) => Buffer.from(text.slice(2), 'hex').toString('base64');
  if (kind === 'date' || kind === 'timestamp' || kind === 'timestamptz') return formatTime;
  if (kind === 'array') return (text) => formatArray(text, elementOid);
  return undefined;
}

const TIME = /^(\d+)-(\d\d-\d\d)(?: (\d\d:\d\d:\d\d(?:\.\d+)?)(\+00)?)?( BC)?$/;

/** `2030-01-31 08:00:00.5+00` → `2030-01-31T08:00:00.5Z`; `infinity` stays. Years that need it have a sign and six digits. */
function formatTime(text: string): string {
  const [, year, day, time, isUtc, isBc] = TIME.exec(text) ?? [];
  if (year === undefined || day === undefined) return text;
  const shown = isBc || year.length > 4 ? toSignedYear(isBc ? 1 - Number(year) : Number(year)) : year;
  return time === undefined ? `${shown}-${day}` : `${shown}-${day}T${time}${isUtc ? 'Z' : ''}`;
}

// ISO 8601 has a year 0, which stands for 1 BC.
function toSignedYear(year: number): string {
  return `${year < 0 ? '-' : '+'}${String(Math.abs(year)).padStart(6, '0')}`;
}

/** Its published types are wrong. */
const arrays = pg.types.arrayParser as unknown as {
  create(text: string, encode: (element: string) => string): { parse(): Parsed };
};

/** Elements as the values of JSON Lines are. */
function formatArray(text: string, elementOid: number): string {
  const kind = kindOf(elementOid);
  const format = chooseFormat(kind, 0) ?? ((element: string) => element);
  const encode = (element: string) => toJsonText(kind, format(element));
  return joinArray(arrays.create(text, encode).parse());
}

type Parsed = (string | null | Parsed)[];

function joinArray(items: Parsed): string {
  return `[${items.map((item) => (Array.isArray(item) ? joinArray(item) : (item ?? 'null'))).join(',')}]`;
}

function toJsonText(kind: ColumnKind, text: string): string {
  if (kind === 'boolean' || kind === 'integer' || kind === 'json') return text;
  if ((kind === 'real' || kind === 'double') && Number.isFinite(Number(text))) return text;
  return JSON.stringify(text);
}
