// For jobs, which import from `define` alone.
export { parseRetryAfterMs } from '../shared/time.ts';
