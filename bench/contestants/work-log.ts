import { nowUs } from './contestant.ts';

const INITIAL = 65_536;

/** When jobs began to run, and how long after they were sent. Cheap, since it is part of what is measured. */
export class WorkLog {
  #startedAtUs = new Float64Array(INITIAL);
  #sentAtUs = new Float64Array(INITIAL);
  #taken = 0;
  runs = 0;

  note(sentAtUs: number): void {
    if (this.runs === this.#startedAtUs.length) this.#grow();
    this.#startedAtUs[this.runs] = nowUs();
    this.#sentAtUs[this.runs] = sentAtUs;
    this.runs += 1;
  }

  /** @param index by the order of the starts, from 0 */
  startOf(index: number): number {
    return this.#startedAtUs[index] ?? Number.NaN;
  }

  /** In milliseconds, of the runs since the last call. */
  takeLatencies(): number[] {
    const from = this.#taken;
    this.#taken = this.runs;
    const started = this.#startedAtUs.subarray(from, this.runs);
    return Array.from(started, (startedAtUs, index) => (startedAtUs - (this.#sentAtUs[from + index] ?? 0)) / 1000);
  }

  #grow(): void {
    const twice = (old: Float64Array) => {
      const larger = new Float64Array(old.length * 2);
      larger.set(old);
      return larger;
    };
    this.#startedAtUs = twice(this.#startedAtUs);
    this.#sentAtUs = twice(this.#sentAtUs);
  }
}
