import { enableCompileCache } from 'node:module';
import { inspect } from 'node:util';

// Each run has new processes; what they import when they are called is not compiled anew each time.
enableCompileCache();

export interface CommandMessage {
  id: number;
  command: string;
  args: unknown[];
}

export type AnswerMessage = { id: number } & ({ ok: true; value: unknown } | { ok: false; error: string });

/** Does what the measuring process asks over IPC, and ends with it. */
export function serve<Served extends { [Name in keyof Served]: (...args: never[]) => Promise<unknown> }>(
  commands: Served,
): void {
  process.on('message', async (message) => {
    process.send?.(await answer(commands, message as CommandMessage));
  });
  process.on('disconnect', () => process.exit());
  process.on('SIGINT', () => {}); // the measuring process closes what it started
}

async function answer(commands: object, { id, command, args }: CommandMessage): Promise<AnswerMessage> {
  try {
    const run = (commands as Record<string, (...given: unknown[]) => Promise<unknown>>)[command];
    if (!run) throw new Error(`there is no command ${command}`);
    return { id, ok: true, value: await run(...args) };
  } catch (error) {
    return { id, ok: false, error: inspect(error) };
  }
}
