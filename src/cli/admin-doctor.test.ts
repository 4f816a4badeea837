import { expect, it } from 'vitest';
import type { Finding } from '../engine/doctor/finding.ts';
import { renderFinding } from './admin-doctor.ts';
import { createTerminal, measureWidth } from './terminal.ts';

const open = (columns: number | undefined) =>
  createTerminal({ isTTY: columns !== undefined, columns, write: () => {} }, { write: () => {} }, { NO_COLOR: '1' });
const finding: Finding = {
  check: 'redis-memory',
  verdict: 'wrong',
  found: 'maxmemory-policy is allkeys-lru: when its memory is full, Redis throws deliveries away',
  advice: 'redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf or with your provider.',
};

it('is one line in a pipe, with what to do', () => {
  const line = renderFinding(finding, open(undefined));
  expect(line).toBe(`✖ redis-memory       ${finding.found} → ${finding.advice}`);
});

it('fits the window, and what to do begins a line below what was found', () => {
  const lines = renderFinding(finding, open(80)).split('\n');
  const advice = lines.slice(lines.findIndex((line) => line.includes('→')));
  for (const line of lines) expect(measureWidth(line)).toBeLessThan(80);
  expect(advice.every((line) => /^ {21}(→ | {2})\S/.test(line))).toBe(true);
  expect(advice[0]).toMatch(/^ {21}→ redis-cli/);
});

it('shows nothing that a server sent as more than text', () => {
  const found = 'answered\n✔ all is well \u001b[2J';
  expect(renderFinding({ ...finding, found, advice: null }, open(undefined))).toBe(
    '✖ redis-memory       answered ✔ all is well',
  );
});
