/** How far ffmpeg has come with its output. */
export interface Progress {
  frame: number;
  timeMs: number;
}

/**
 * Reads what `-progress` writes: lines `key=value`, each block closed by `progress=continue` or `progress=end`.
 * @returns takes the output in pieces, wherever it was cut
 */
export function createProgressReader(onProgress: (progress: Progress) => void): (text: string) => void {
  let rest = '';
  let values: Record<string, string> = {};
  return (text) => {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [key = '', value = ''] = line.split('=', 2);
      values[key.trim()] = value.trim();
      if (key !== 'progress') continue;
      onProgress(readProgress(values));
      values = {};
    }
  };
}

// `out_time_ms` holds microseconds too; versions before 4.2 have only that. Before the first frame it says N/A.
function readProgress(values: Record<string, string>): Progress {
  return {
    frame: toNumber(values.frame),
    timeMs: Math.round(toNumber(values.out_time_us ?? values.out_time_ms) / 1000),
  };
}

function toNumber(text: string | undefined): number {
  const value = Number(text);
  return Number.isFinite(value) && value > 0 ? value : 0;
}
