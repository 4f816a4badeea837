import type { JobContext } from '../../define/context.ts';
import type { ChatAnswer } from '../open-ai/chat-stream.ts';

const REPORT_EVERY_MS = 250;
const LOG_EVERY_MS = 5000;
const SHOWN = 80;
const BYTES_PER_TOKEN = 4;

export interface Reporter {
  /** Tells how far the answer has come, with its last words; not at each token. */
  report(): void;
  timeToFirstTokenMs(): number | null;
}

export function createReporter(ctx: JobContext, answer: ChatAnswer, maxTokens: number): Reporter {
  const startedAt = performance.now();
  let firstMs: number | null = null;
  let reportedAt = 0;
  let loggedAt = startedAt;
  return {
    report() {
      if (answer.bytes === 0) return;
      const now = performance.now();
      firstMs ??= Math.round(now - startedAt);
      if (now - reportedAt < REPORT_EVERY_MS) return;
      reportedAt = now;
      const tokens = Math.ceil(answer.bytes / BYTES_PER_TOKEN);
      ctx.progress(Math.min(99, (100 * tokens) / maxTokens), showLastWords(answer));
      if (now - loggedAt < LOG_EVERY_MS) return;
      loggedAt = now;
      ctx.log.info(`about ${tokens} tokens so far`, { tokens });
    },
    timeToFirstTokenMs: () => firstMs,
  };
}

function showLastWords({ text, refusal }: ChatAnswer): string {
  const last = (text || refusal).slice(-SHOWN).replaceAll('\u0000', '').toWellFormed();
  return last.replaceAll(/\s+/g, ' ').trim();
}
