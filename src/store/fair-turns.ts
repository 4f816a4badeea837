/** What a look at the backlog of a queue gave one of its tenants. */
export interface TenantTurn {
  tenant: string;
  weight: number;
  /** How many of its jobs were taken. */
  taken: number;
  /** Whether more of its jobs may wait that could be taken. */
  hasMore: boolean;
  /** Whether it has a limit of jobs in flight. */
  isLimited: boolean;
}

/**
 * Whose turn it is in one queue: start-time fair queueing over tenants, in the memory of whoever takes jobs. Each job moves its
 * tenant on by 1 / weight, and those who are furthest behind come first. One that had nothing to do comes in beside the last of
 * the others, so nobody saves up. Pure.
 */
export class FairTurns {
  /** How far each tenant is; one that is not here is at the floor. */
  readonly #passes = new Map<string, number>();
  /** How far the last of those is who have something to do. It only grows. */
  #floor = 0;
  /** After whom to look next, where there are more tenants than one look sees; empty for the first. */
  after = '';
  /** The only tenant that the last look found, where it is one without a limit: it is likely to be alone again. */
  sole: string | undefined;
  /** Whether the last look found nothing to take: then the next is likely to find nothing either. */
  isIdle = true;

  /** How far a tenant is ahead of the last one, in jobs of weight 1. */
  aheadOf(tenant: string): number {
    return Math.max(0, (this.#passes.get(tenant) ?? 0) - this.#floor);
  }

  /** Those who are ahead, for a statement. */
  list(): { tenants: string[]; ahead: number[] } {
    const tenants = [...this.#passes.keys()];
    return { tenants, ahead: tenants.map((tenant) => this.aheadOf(tenant)) };
  }

  /**
   * Moves tenants on by what was taken of them.
   * @param turns those who were looked at; `isAll`: nobody else has jobs in the queue
   */
  note(turns: readonly TenantTurn[], { isAll }: { isAll: boolean }): void {
    const [only] = turns;
    if (only) this.sole = isAll && turns.length === 1 && !only.isLimited ? only.tenant : undefined;
    for (const { tenant, weight, taken } of turns) {
      if (taken > 0) this.#passes.set(tenant, this.#passOf(tenant) + taken / weight);
    }
    const waiting = turns.filter(({ hasMore }) => hasMore).map(({ tenant }) => this.#passOf(tenant));
    // Where nobody waits, nobody has a claim on what comes next.
    const floor = waiting.length > 0 ? Math.min(...waiting) : Math.max(this.#floor, ...this.#passes.values());
    this.#floor = Math.max(this.#floor, floor);
    for (const [tenant, pass] of this.#passes) if (pass <= this.#floor) this.#passes.delete(tenant);
  }

  #passOf(tenant: string): number {
    return Math.max(this.#floor, this.#passes.get(tenant) ?? 0);
  }
}
