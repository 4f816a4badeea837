import type { JobContext } from '../define/context.ts';

const REPORT_EVERY_BYTES = 8 * 1024 ** 2;

/** Reports every whole percent, or every 8 MiB where the size is not known. */
export function createReporter(ctx: JobContext, totalBytes: number | undefined): (bytes: number) => void {
  let reported = -1;
  return (bytes) => {
    const percent = totalBytes ? Math.min(99, Math.floor((bytes / totalBytes) * 100)) : 0;
    const step = totalBytes ? percent : Math.floor(bytes / REPORT_EVERY_BYTES);
    if (step === reported) return;
    reported = step;
    ctx.progress(percent, totalBytes ? `${formatBytes(bytes)} of ${formatBytes(totalBytes)}` : formatBytes(bytes));
  };
}

export function formatBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}
