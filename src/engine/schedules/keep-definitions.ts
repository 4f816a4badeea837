import { createHash } from 'node:crypto';
import type { DefinedSchedule as Definition } from '../../define/schedule.ts';
import { createDueTimes } from '../../shared/due-times.ts';
import { createId } from '../../shared/ids.ts';
import type { DefinitionKey } from '../../store/schedule-definitions.ts';
import type { ScheduleRow } from '../../store/schedule-row.ts';
import { findInputFaults } from '../check-request.ts';
import { DEFAULT_TENANT, type Engine } from '../engine.ts';
import { timingOf, toDate, toTiming, toTimingColumns } from './timing.ts';

const INTERVAL_MS = 10_000;
/** How long a definition counts as there after a process said so. */
export const GRACE_MS = 60_000;
const FORGET_MS = 24 * 3_600_000;

interface Named {
  definition: Definition;
  hash: string;
}

/**
 * Brings the table in line with the schedules of the code. Of several versions that live side by side the one counts that
 * appeared last, so a process of the old version that starts again during a deploy changes nothing; see ADR 16.
 */
export class DefinitionKeeper {
  readonly #engine: Engine;
  readonly #named: Map<string, Named>;
  readonly #refused = new Set<string>();
  readonly #sinceMs = performance.now();

  constructor(engine: Engine) {
    this.#engine = engine;
    const definitions = [...engine.registry.definitions.values()].flatMap(({ schedules }) => schedules);
    this.#named = new Map(definitions.map((each) => [each.name, { definition: each, hash: hashOf(each) }]));
  }

  /** @returns milliseconds until it wants to be called again */
  async keep(): Promise<number> {
    const { store } = this.#engine;
    const changed = this.#named.size === 0 ? [] : await this.#bringInLine();
    // Others that were away as well get the time to say what they define.
    const retired = performance.now() - this.#sinceMs > GRACE_MS ? await retireGone(this.#engine, GRACE_MS) : [];
    await store.scheduleDefinitions.forget(FORGET_MS);
    if (changed.length + retired.length > 0) this.#engine.scheduler.announce([...changed, ...retired]);
    return INTERVAL_MS;
  }

  async #bringInLine(): Promise<string[]> {
    const { scheduleDefinitions } = this.#engine.store;
    const keys = [...this.#named].map(([name, { hash }]): DefinitionKey => ({ name, hash }));
    const inForce = await scheduleDefinitions.announce(keys, GRACE_MS);
    const rows = new Map((await scheduleDefinitions.listOfCode(DEFAULT_TENANT)).map((row) => [row.name, row]));
    const changed: string[] = [];
    for (const { name } of inForce) {
      const named = this.#named.get(name);
      const row = rows.get(name);
      if (!named || this.#refused.has(name) || (row?.definitionHash === named.hash && row.retiredAt === null)) continue;
      if (await this.#put(named, row)) changed.push(name);
    }
    return changed;
  }

  async #put({ definition, hash }: Named, row: ScheduleRow | undefined): Promise<boolean> {
    const { store, log } = this.#engine;
    const nowMs = await store.schedules.nowMs();
    const { name, type, input, options, catchUp, overlap } = definition;
    const timing = toTiming(definition, nowMs);
    // The grid of an interval stays where it is while the interval does.
    if (row && timing.everyMs !== null && row.everyMs === timing.everyMs) timing.anchorAt = timingOf(row).anchorAt;
    await this.#warnOfInput(definition);
    const isDone = await store.scheduleDefinitions.put({
      ...{ id: createId(), tenant: DEFAULT_TENANT, name, type, input, options, catchUp, overlap, hash, enabled: true },
      ...toTimingColumns(timing),
      nextDueAt: toDate(createDueTimes(timing).after(nowMs)),
    });
    if (isDone) log.info(`schedule "${name}" was brought in line with the code`, { type });
    else {
      this.#refused.add(name); // said once
      log.error(`schedule "${name}" is defined in code, but there is one of that name already, which was made by hand`);
    }
    return isDone;
  }

  // No reason to refuse the start: when it is due, another version may know better.
  async #warnOfInput({ name, type, input }: Definition): Promise<void> {
    const faults = await findInputFaults(this.#engine, { type, input });
    if (faults.length === 0) return;
    this.#engine.log.error(`the input of schedule "${name}" does not fit its job: it will be rejected`, { faults });
  }
}

/** Retires schedules whose definition is gone. @returns their names */
export async function retireGone({ store, log }: Engine, graceMs: number): Promise<string[]> {
  const names = await store.scheduleDefinitions.retire(graceMs);
  for (const name of names) log.warn(`schedule "${name}" is off: no program defines it any more`);
  return names;
}

function hashOf(definition: Definition): string {
  return createHash('sha256').update(JSON.stringify(definition)).digest('base64url');
}
