import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createLogger, type Logger, type LoggerOptions } from './logger.ts';

function capture(format: LoggerOptions['format'], level: LoggerOptions['level'] = 'debug') {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  const log: Logger = createLogger({ level, format, stream });
  const lines = () => stripVTControlCharacters(text).trimEnd().split('\n');
  return { log, lines, json: () => lines().map((line) => JSON.parse(line)) };
}

describe('a JSON line', () => {
  it('has time, level, message, where it comes from, and its fields', () => {
    const { log, json } = capture('json');
    log.info('completed', { jobId: 'j1', durationMs: 12, nested: { a: [1] } });
    expect(json()).toEqual([
      {
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        level: 'info',
        message: 'completed',
        host: expect.any(String),
        pid: process.pid,
        jobId: 'j1',
        durationMs: 12,
        nested: { a: [1] },
      },
    ]);
  });

  it('is one line whatever the text is', () => {
    const { log, lines, json } = capture('json');
    log.info('two\nlines');
    expect(lines()).toHaveLength(1);
    expect(json()[0].message).toBe('two\nlines');
  });

  it('keeps a message as it is, whatever looks like a placeholder in it', () => {
    const { log, json } = capture('json');
    log.info('GET /a%20b%s%d', { jobId: 'j1', error: new Error('lost') });
    expect(json()).toMatchObject([{ message: 'GET /a%20b%s%d', jobId: 'j1', error: { message: 'lost' } }]);
  });

  it('carries an error with its stack and its causes, and anything else that was thrown', () => {
    const { log, json } = capture('json');
    log.error('failed', { error: new TypeError('outer', { cause: new Error('inner') }) });
    log.error('failed', { error: 'just text' });
    log.error('failed', { error: null });
    expect(json().map((line) => line.error)).toEqual([
      {
        name: 'TypeError',
        message: 'outer',
        stack: expect.stringContaining('logger.test.ts'),
        cause: expect.objectContaining({ message: 'inner', stack: expect.any(String) }),
      },
      { name: 'NonError', message: 'just text' },
      { name: 'NonError', message: 'threw null' },
    ]);
  });

  it('inherits the fields of its parents', () => {
    const { log, json } = capture('json');
    log.child({ jobId: 'j1' }).child({ attempt: 2 }).warn('slow', { ms: 5 });
    log.warn('other');
    expect(json()).toMatchObject([{ jobId: 'j1', attempt: 2, ms: 5, level: 'warn' }, { message: 'other' }]);
    expect(json()[1]).not.toHaveProperty('jobId');
  });
});

describe("a job's own line", () => {
  const fields = { message: 'again', jobId: 'another', level: 'error' };

  it('keeps its fields apart from those that say whose line it is', () => {
    const { log, json } = capture('json');
    log.child({ jobId: 'j1' }).info('hello', { fields });
    expect(json()).toMatchObject([{ message: 'hello', level: 'info', jobId: 'j1', fields }]);
  });

  it('stays one line for people and does not steer the terminal', () => {
    const { log, lines } = capture('pretty');
    log.child({ jobId: 'j1' }).info('two\nlines \u001b[2J', { fields: { n: 1 } });
    expect(lines()).toEqual([expect.stringMatching(/ INFO {2}job j1 two ⏎ lines {2}n=1$/)]);
  });
});

describe('a pretty line', () => {
  it('reads as people expect it', () => {
    const { log, lines } = capture('pretty');
    log.info('progress 50 %', { jobId: '0198', type: 'http:request', queue: 'http', attempt: 2, durationMs: 7 });
    log.warn('waits', { queue: 'http', left: 3, why: 'busy', list: [1] });
    expect(lines()).toEqual([
      expect.stringMatching(/^[\d:.]{12} INFO {2}\[http:request\] job 0198 progress 50 % attempt 2 7 ms$/),
      expect.stringMatching(/^[\d:.]{12} WARN {2}\[http\] waits left=3 why=busy list=\[1\]$/),
    ]);
  });

  it('shows an error below, with its stack and every cause', () => {
    const { log, lines } = capture('pretty');
    log.error('failed', { error: new TypeError('outer', { cause: new Error('inner', { cause: 'root' }) }) });
    const shown = lines();
    expect(shown[0]).toMatch(/ERROR failed$/);
    expect(shown[1]).toBe('  TypeError: outer');
    expect(shown[2]).toMatch(/^ {6}at /);
    expect(shown).toContain('    Error: inner');
    expect(shown.filter((line) => line.trim() === 'caused by:')).toHaveLength(2);
    expect(shown.at(-1)).toBe('      NonError: root');
  });
});

describe('a level', () => {
  it('hides what is less severe', () => {
    for (const [level, count] of [
      ['error', 1],
      ['warn', 2],
      ['info', 3],
      ['debug', 4],
    ] as const) {
      const { log, json } = capture('json', level);
      for (const each of ['debug', 'info', 'warn', 'error'] as const) log[each](each);
      expect(json()).toHaveLength(count);
    }
  });
});
