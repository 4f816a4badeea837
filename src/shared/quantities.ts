const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `120 ms`, `1.2 s`, `42 s`, `3 min 5 s`, `2 h 10 min`, `5 d 3 h`. */
export function formatDuration(ms: number): string {
  const rounded = Math.max(0, Math.round(ms));
  if (rounded < SECOND) return `${rounded} ms`;
  if (rounded < 9_950) return `${(rounded / SECOND).toFixed(1)} s`;
  if (rounded < MINUTE - 500) return `${Math.round(rounded / SECOND)} s`;
  if (rounded < HOUR - 500) return formatPair(rounded, MINUTE, 'min', SECOND, 's');
  if (rounded < DAY - 30 * SECOND) return formatPair(rounded, HOUR, 'h', MINUTE, 'min');
  return formatPair(rounded, DAY, 'd', HOUR, 'h');
}

function formatPair(ms: number, big: number, bigUnit: string, small: number, smallUnit: string): string {
  const smalls = Math.round(ms / small);
  const perBig = big / small;
  const rest = smalls % perBig;
  const whole = `${Math.floor(smalls / perBig)} ${bigUnit}`;
  return rest === 0 ? whole : `${whole} ${rest} ${smallUnit}`;
}

/** Decimal units, as disks and networks count: `999 B`, `1.5 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
