/** The process of one contestant. */
import { pause } from '../../src/shared/time.ts';
import { serve } from '../processes/serve.ts';
import type { ContestantCommands, EnqueueTiming } from './commands.ts';
import { type BenchJob, type Contestant, nowUs, type OpenContestant } from './contestant.ts';
import { WorkLog } from './work-log.ts';

const POLL_MS = 2;

let contestant: Contestant;
let sent = 0;
const work = new WorkLog();

const nextJob = (): BenchJob => ({ n: sent++, sentAtUs: nowUs() });

const commands: ContestantCommands = {
  async open(name, settings) {
    const { open } = (await import(`./${name}.ts`)) as { open: OpenContestant };
    contestant = await open(settings);
  },
  enqueueSingles: (count, callers, limitMs) =>
    timeEnqueue(async (isOver) => {
      let left = count;
      const call = async () => {
        while (!isOver(limitMs) && left > 0) {
          left -= 1;
          await contestant.enqueue(nextJob());
        }
      };
      await Promise.all(Array.from({ length: callers }, call));
    }),
  enqueueBulks: (count, size, limitMs) =>
    timeEnqueue(async (isOver) => {
      for (let done = 0; done < count && !isOver(limitMs); done += size) {
        await contestant.enqueueMany(Array.from({ length: Math.min(size, count - done) }, nextJob));
      }
    }),
  enqueueAtRate: (count, perSecond) =>
    timeEnqueue(async () => {
      const startedAtMs = performance.now();
      const answers: Promise<unknown>[] = [];
      for (let n = 0; n < count; n += 1) {
        const waitMs = startedAtMs + (n * 1000) / perSecond - performance.now();
        if (waitMs > 0) await pause(waitMs);
        answers.push(contestant.enqueue(nextJob()));
      }
      await Promise.all(answers);
    }),
  startWorker: (concurrency) => contestant.startWorker({ concurrency, onRun: ({ sentAtUs }) => work.note(sentAtUs) }),
  async awaitFinished(count, skip, limitMs) {
    await pollUntil(async () => work.runs >= skip, limitMs);
    const skipped = Math.min(skip, work.runs);
    let finished = 0;
    await pollUntil(async () => {
      if (work.runs < count) return false; // do not disturb the store before
      finished = await contestant.countFinished();
      return finished >= count;
    }, limitMs);
    if (finished < count) finished = await contestant.countFinished();
    return { jobs: finished - skipped, startedAtUs: work.startOf(skipped), finishedAtUs: nowUs() };
  },
  takeLatencies: async () => work.takeLatencies(),
  countUnfinished: () => contestant.countUnfinished(),
  close: async () => void (await contestant.close()), // what a queue returns may not fit through the channel
};

async function pollUntil(isDone: () => Promise<boolean>, limitMs: number): Promise<void> {
  const deadlineUs = nowUs() + limitMs * 1000;
  while (!(await isDone()) && nowUs() < deadlineUs) await pause(POLL_MS);
}

async function timeEnqueue(enqueue: (isOver: (limitMs: number) => boolean) => Promise<void>): Promise<EnqueueTiming> {
  const before = sent;
  const startedAtUs = nowUs();
  await enqueue((limitMs) => nowUs() - startedAtUs > limitMs * 1000);
  const answeredAtUs = nowUs();
  await contestant.settle();
  return { jobs: sent - before, startedAtUs, answeredAtUs, settledAtUs: nowUs() };
}

serve(commands);
