import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { makeTemporaryFolder } from './temporary-folder.ts';

it('removes folders that killed processes have left, once they are a day old, and nothing else', () => {
  const parent = mkdtempSync(join(tmpdir(), 'longshore-test-'));
  try {
    const make = (name: string, hours: number) => {
      mkdirSync(join(parent, name));
      writeFileSync(join(parent, name, 'file'), '');
      const time = Date.now() / 1000 - hours * 3600;
      utimesSync(join(parent, name), time, time);
      return name;
    };
    make('longshore-files-old', 25);
    const kept = [make('longshore-files-young', 23), make('other-old', 25)];
    const made = makeTemporaryFolder(parent);
    expect(readdirSync(parent).sort()).toEqual([basename(made), ...kept].sort());
  } finally {
    rmSync(parent, { recursive: true });
  }
});
