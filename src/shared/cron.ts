/** What cron expressions may say, so that a mistake is told by its field. `due-times.ts` finds their times. */
interface CronField {
  name: string;
  min: number;
  max: number;
  names: readonly string[];
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const DAY_OF_MONTH = 'day-of-month';
const DAY_OF_WEEK = 'day-of-week';

const FIELDS: readonly CronField[] = [
  { name: 'second', min: 0, max: 59, names: [] },
  { name: 'minute', min: 0, max: 59, names: [] },
  { name: 'hour', min: 0, max: 23, names: [] },
  { name: DAY_OF_MONTH, min: 1, max: 31, names: [] },
  { name: 'month', min: 1, max: 12, names: MONTHS },
  { name: DAY_OF_WEEK, min: 0, max: 7, names: DAYS },
];
const NICKNAMES = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'];

const RANGE = /^(?:\*|(?<from>\w+)(?:-(?<to>\w+))?)(?:\/(?<step>\d+))?$/;
/** `L` is the last day, `LW` the last working day, `15W` the working day that is nearest to the 15th. */
const SPECIAL_DAY_OF_MONTH = /^(?:L|LW|(?<day>\d+)W)$/;
/** `5L` is the last Friday of the month, `5#2` the second. */
const SPECIAL_DAY_OF_WEEK = /^(?<day>\d|[A-Z]{3})(?:L|#(?<nth>\w+))$/;

/**
 * Looks for what is wrong with the form of a cron expression.
 * @returns e.g. `hour "25": 0 to 23 are allowed`; undefined when there is nothing
 */
export function findCronFault(cron: string): string | undefined {
  const text = cron.trim();
  if (text.startsWith('@')) {
    return NICKNAMES.includes(text.toLowerCase()) ? undefined : `"${text}" is not one of ${NICKNAMES.join(', ')}`;
  }
  const parts = text === '' ? [] : text.toUpperCase().split(/\s+/);
  const fields = FIELDS.slice(FIELDS.length - parts.length);
  if (parts.length !== 5 && parts.length !== 6) {
    const names = FIELDS.slice(1).map(({ name }) => name);
    return `has ${parts.length} fields; five are allowed (${names.join(', ')}), or six with the second before them`;
  }
  for (const [index, field] of fields.entries()) {
    const part = parts[index] as string;
    const fault = findFieldFault(field, part);
    if (fault !== undefined) return `${field.name} "${part}": ${fault}`;
  }
  return undefined;
}

function findFieldFault(field: CronField, text: string): string | undefined {
  const isDay = field.name === DAY_OF_MONTH || field.name === DAY_OF_WEEK;
  if (isDay && text === '?') return undefined;
  const list = field.name === DAY_OF_WEEK ? text.replace(/^\+/, '') : text;
  const holders = new Map<string, string>();
  for (const item of list.split(',')) {
    const read = readItem(field, item);
    if ('fault' in read) return read.fault;
    for (const value of read.values) {
      const holder = holders.get(value);
      if (holder !== undefined) return `"${holder}" and "${item}" overlap: both mean ${value}; leave one of them out`;
      holders.set(value, item);
    }
  }
  return undefined;
}

type Read = { values: string[] } | { fault: string };

function readItem(field: CronField, item: string): Read {
  return readSpecial(field, item) ?? readRange(field, item);
}

function readSpecial(field: CronField, item: string): Read | undefined {
  if (field.name === DAY_OF_MONTH) {
    const match = SPECIAL_DAY_OF_MONTH.exec(item);
    if (!match) return undefined;
    const day = match.groups?.day;
    return day === undefined || readValue(field, day) !== undefined ? { values: [item] } : { fault: allowed(field) };
  }
  if (field.name !== DAY_OF_WEEK) return undefined;
  const { day, nth } = SPECIAL_DAY_OF_WEEK.exec(item)?.groups ?? {};
  if (day === undefined) return undefined;
  if (readValue(field, day) === undefined) return { fault: allowed(field) };
  if (nth !== undefined && !/^[1-5L]$/.test(nth)) return { fault: 'after # 1 to 5 or L are allowed' };
  return { values: [item] };
}

function readRange(field: CronField, item: string): Read {
  const match = RANGE.exec(item);
  if (!match) return { fault: item === '' ? 'a list has an empty item' : allowed(field) };
  const { from, to, step } = match.groups ?? {};
  const last = field.name === DAY_OF_WEEK ? 6 : field.max; // 7 is Sunday too
  const low = from === undefined ? field.min : readValue(field, from);
  const high = from === undefined ? last : to === undefined ? low : readEnd(field, to);
  if (low === undefined || high === undefined) return { fault: allowed(field) };
  if (low > high) return { fault: `"${item}" runs backwards; write two ranges, joined by a comma` };
  if (step !== undefined && from !== undefined && to === undefined) {
    return { fault: `a step needs * or a range, e.g. ${low}-${last}/${step}` };
  }
  const stride = step === undefined ? 1 : Number(step);
  if (step !== undefined && (stride < 1 || stride > high - low)) {
    return { fault: `a step of ${step} goes beyond the range ${low}-${high}; 1 to ${high - low} are allowed` };
  }
  const values: string[] = [];
  for (let value = low; value <= high; value += stride) {
    values.push(String(field.name === DAY_OF_WEEK ? value % 7 : value));
  }
  // Sunday twice is the same day, and no overlap of two items.
  return { values: [...new Set(values)] };
}

function readEnd(field: CronField, text: string): number | undefined {
  return field.name === DAY_OF_WEEK && text === 'SUN' ? 7 : readValue(field, text);
}

function readValue({ min, max, names }: CronField, text: string): number | undefined {
  const place = names.indexOf(text);
  if (place >= 0) return place + (max === 12 ? 1 : 0);
  if (!/^\d{1,2}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}

function allowed({ name, min, max, names }: CronField): string {
  const words = names.length > 0 ? `, ${names[0]} to ${names.at(-1)}` : '';
  const more = name === DAY_OF_MONTH ? ', L, LW and 15W' : name === DAY_OF_WEEK ? ', 5L and 5#2' : '';
  return `${min} to ${max}${words}${more} are allowed, with *, ranges (a-b), steps (*/n, a-b/n) and lists (a,b)`;
}
