import { isConflict, isUniqueViolation } from './database-errors.ts';

const MAX_TRIES = 5;

/**
 * Writes again what lost a deduplication key to another statement, or met one that takes the same keys in another order
 * (a bulk call and a bulk retry): the next try finds the record as the other one left it.
 * @param write a whole transaction or savepoint
 */
export async function writeDespiteOthers<Result>(write: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await write();
    } catch (error) {
      if (tries === MAX_TRIES || !(isUniqueViolation(error) || isConflict(error))) throw error;
    }
  }
}
