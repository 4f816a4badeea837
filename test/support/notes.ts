import { existsSync, readFileSync } from 'node:fs';

/** What jobs wrote into their note, by job: `['started', 'ended']`. */
export function readNotes(path: string): Map<string, string[]> {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
  const notes = new Map<string, string[]>();
  for (const line of lines) {
    const [id = '', what = ''] = line.split(' ');
    notes.set(id, [...(notes.get(id) ?? []), what]);
  }
  return notes;
}

/** How many lines say this, of all jobs together. */
export function countNotes(path: string, what: string): number {
  return [...readNotes(path).values()].flat().filter((each) => each === what).length;
}
