import type { OpenContestant } from './contestant.ts';
import { openLongshore } from './longshore.ts';

export const open: OpenContestant = (settings) => openLongshore(settings, { REDIS_URL: settings.redisUrl });
