import type fc from 'fast-check';
import type { Command } from './command.ts';
import { cancel, claimAll, finish, lose, rescueForgotten, rescueLost, retryEnded, startDelivery } from './running.ts';
import { expire, insert, parkEarly, passTime, promote, putBack, take, toRedeliver } from './waiting.ts';

/** Everything that happens to the record, more often what brings a job forward. */
export const commands: fc.Arbitrary<Command>[] = [
  ...[insert, passTime, passTime, promote, promote, take, take, claimAll, putBack, parkEarly, toRedeliver],
  ...[startDelivery, startDelivery, startDelivery, startDelivery, finish, finish, finish, finish],
  ...[cancel, retryEnded, expire, rescueLost, rescueForgotten, lose],
];
