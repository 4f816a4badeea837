import type { QueueMeasure } from '../store/backlog.ts';

interface Room {
  free: number;
  /** Places of jobs that are being recorded: the record does not count them yet. */
  reserved: number;
  /** Of the set of delayed jobs. */
  delayedFree: number;
  hasBacklog: boolean;
  /** Jobs that started in this process since the last measure. */
  started: number;
  /** Reservations that ended since the last measure began: it may have been too early to see their jobs. */
  released: number;
}

/**
 * How much room BullMQ's queues have, as far as this process knows: measured in the record from time to time, counted
 * here in between. Several processes may fill the same room, and a start may be counted twice when it is noted just after
 * a measure that has seen it, so for a moment a queue may hold somewhat more than its window.
 */
export class Window {
  readonly size: number;
  readonly #rooms = new Map<string, Room>();

  constructor(size: number) {
    this.size = size;
  }

  /** To be called before the record is asked for what `update` is given. */
  beginMeasure(): void {
    for (const room of this.#rooms.values()) room.released = 0;
  }

  update(measures: readonly QueueMeasure[]): void {
    for (const { queue, waiting, delayed, hasBacklog } of measures) {
      const { reserved = 0, released = 0 } = this.#rooms.get(queue) ?? {};
      this.#rooms.set(queue, {
        free: this.size - waiting - reserved - released,
        reserved,
        delayedFree: this.size - delayed,
        hasBacklog,
        started: 0,
        released: 0,
      });
    }
  }

  /** Takes a place for a job that is due now. A job never overtakes the backlog. @returns whether there was one */
  reserve(queue: string): boolean {
    const room = this.#rooms.get(queue);
    if (!room || room.hasBacklog || room.free <= 0) return false;
    room.free -= 1;
    room.reserved += 1;
    return true;
  }

  /** The size without the places of jobs that are being recorded: the record does not know of them yet. */
  sizeForBacklog(queue: string): number {
    return Math.max(0, this.size - (this.#rooms.get(queue)?.reserved ?? 0));
  }

  /** Ends a reservation; the place stays taken until the next measure. */
  release(queue: string): void {
    const room = this.#rooms.get(queue);
    if (!room) return;
    room.reserved -= 1;
    room.released += 1;
  }

  /** Takes a place for a job that BullMQ is to wake. @returns whether there was one */
  reserveDelayed(queue: string): boolean {
    const room = this.#rooms.get(queue);
    if (!room || room.delayedFree <= 0) return false;
    room.delayedFree -= 1;
    return true;
  }

  /** @returns whether it is time to measure: the room is running out as far as this process knows */
  isRunningOut(queue: string): boolean {
    const room = this.#rooms.get(queue);
    return room !== undefined && !room.hasBacklog && room.free < this.size / 4;
  }

  /** Whether there is room for what waits in the backlog, as far as this process knows. */
  hasRoom(queue: string): boolean {
    return (this.#rooms.get(queue)?.free ?? 0) > 0;
  }

  /** A job of the queue has left the backlog's way. @returns whether that makes it worth to look at the backlog again */
  noteStart(queue: string): boolean {
    const room = this.#rooms.get(queue);
    if (!room) return false;
    room.free += 1;
    room.started += 1;
    return room.hasBacklog && room.started === Math.ceil(this.size / 4);
  }

  /** A job was left in the backlog. @returns whether that is news */
  noteBacklog(queue: string): boolean {
    const room = this.#rooms.get(queue);
    if (!room || room.hasBacklog) return false;
    room.hasBacklog = true;
    return true;
  }
}
