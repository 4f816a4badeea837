/** Without zod, so that the client, which runs in browsers, loads no more than this. */
export const jobStatuses = [
  'scheduled',
  'queued',
  'processing',
  'waiting',
  'retrying',
  'completed',
  'failed',
  'cancelled',
  'expired',
] as const;
export type JobStatus = (typeof jobStatuses)[number];

export const terminalStatuses = ['completed', 'failed', 'cancelled', 'expired'] as const;

export function isTerminal(status: JobStatus): boolean {
  return (terminalStatuses as readonly string[]).includes(status);
}
