import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { countWords } from './reading.ts';
import { outlineTopic, writeScript } from './script-writer.ts';

const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
const article = readFileSync(new URL('../../../docs/guides/guarantees.md', import.meta.url), 'utf8');

describe('writeScript', () => {
  it.each([1, 2, 6, 40])('stays within %i scenes, each of them short enough to be read', (maxScenes) => {
    for (const text of [readme, article]) {
      const script = writeScript(text, { maxScenes });
      expect(script?.scenes.length).toBe(maxScenes === 40 ? script?.scenes.length : maxScenes);
      expect(script?.scenes.length).toBeLessThanOrEqual(maxScenes);
      for (const { narration, durationMs } of script?.scenes ?? []) {
        expect(countWords(narration)).toBeLessThanOrEqual(24);
        expect(narration).not.toMatch(/`|\]\(|https?:\/\//);
        expect(durationMs).toBeGreaterThanOrEqual(3000);
        expect(durationMs).toBeLessThanOrEqual(8000);
      }
    }
  });

  it('begins with the title and tells of different sections, in their order', () => {
    const text =
      '# Tea\n\nTea is a drink from leaves.\n\n## Green\n\nGreen tea is not fermented at all.\n\n## Black\n\nBlack tea is fermented for hours.';
    expect(writeScript(text, { maxScenes: 6 })).toEqual({
      title: 'Tea',
      writer: 'offline',
      scenes: [
        { title: 'Tea', narration: 'Tea is a drink from leaves.', durationMs: 3000 },
        { title: 'Green', narration: 'Green tea is not fermented at all.', durationMs: 3000 },
        { title: 'Black', narration: 'Black tea is fermented for hours.', durationMs: 3000 },
      ],
    });
    expect(writeScript(text, { maxScenes: 6, title: 'My tea' })?.scenes[0]?.title).toBe('My tea');
  });

  it('names the version with "Added", as release notes need it', () => {
    const notes =
      '# Changelog\n\n## [1.2.0] - 2026-03-01\n\n### Added\n\n- Pipelines that survive a restart\n\n### Fixed\n\n- A leak of memory in workers';
    const titles = writeScript(notes, { maxScenes: 6 })?.scenes.map(({ title }) => title);
    expect(titles).toEqual(['Changelog', '1.2.0 - 2026-03-01: Fixed']);
  });

  it('leaves the headline to the words of a text that has no headings', () => {
    const script = writeScript('The council approved a new network on Tuesday. It will be long.', { maxScenes: 6 });
    expect(script).toMatchObject({ title: 'The council approved a new network on Tuesday' });
    expect(script?.scenes).toMatchObject([
      { title: '', narration: 'The council approved a new network on Tuesday. It will be long.' },
    ]);
  });

  it('keeps direct speech and who said it together', () => {
    const script = writeScript('“Do you not want to know who has taken it?” cried his wife.', { maxScenes: 6 });
    expect(script?.scenes.map(({ narration }) => narration)).toEqual([
      '“Do you not want to know who has taken it?” cried his wife.',
    ]);
  });

  it('shortens a heading that would not fit a card', () => {
    const script = writeScript(`# ${'word '.repeat(1000)}\n\nTea is a drink from leaves.`, { maxScenes: 6 });
    expect(script?.title).toBe(`${'word '.repeat(22).trim()}…`);
    expect(script?.scenes[0]?.title).toBe(script?.title);
  });

  it('writes the same for the same text', () => {
    expect(writeScript(readme, { maxScenes: 6 })).toEqual(writeScript(readme, { maxScenes: 6 }));
  });

  it('tells the words of a text that has no sentence', () => {
    expect(writeScript('Harbour', { maxScenes: 6 })).toEqual({
      title: 'Harbour',
      writer: 'offline',
      scenes: [{ title: '', narration: 'Harbour.', durationMs: 3000 }],
    });
    expect(writeScript('# Ships\n\n## Of sail', { maxScenes: 6 })?.scenes).toMatchObject([
      { title: '', narration: 'Ships.' },
      { title: '', narration: 'Of sail.' },
    ]);
  });

  it.each(['```\ncode alone\n```', '| a | b |', '![x](y.png)', '12345'])('has nothing to tell of %j', (text) => {
    expect(writeScript(text, { maxScenes: 6 })).toBeUndefined();
  });
});

describe('outlineTopic', () => {
  it('gives an outline of as many scenes as are wanted', () => {
    const script = outlineTopic('the history of tea.', { maxScenes: 3 });
    expect(script).toMatchObject({ title: 'the history of tea', writer: 'offline' });
    expect(script.scenes.map(({ narration }) => narration)).toHaveLength(3);
    expect(script.scenes[0]?.narration).toBe('A short introduction to the history of tea.');
  });
});
