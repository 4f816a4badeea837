import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../src/shared/errors.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { createDataDir, type DataDir } from '../support/postgres.ts';
import { waitFor } from '../support/wait-for.ts';

const log = { debug: () => {}, info: () => {}, warn: console.warn };
const program = fileURLToPath(new URL('../support/embedded-postgres-user.ts', import.meta.url));

let folder: DataDir;
let users: ChildProcess[];
beforeEach(async () => {
  folder = await createDataDir();
  users = [];
});
afterEach(async () => {
  for (const user of users) user.kill('SIGKILL');
  await folder.remove();
});

interface User {
  url: string;
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** Starts a process that uses the embedded server of the test's folder. */
async function startUser(): Promise<User> {
  const child = fork(program, [folder.path], { execArgv: [] });
  users.push(child);
  const [message] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [{ url?: string }];
  if (!message?.url) throw new Error('the process ended before the server was ready');
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    const ended = once(child, 'exit');
    if (!child.kill(signal)) throw new Error('the process had ended already');
    await ended;
  };
  return { url: message.url, end };
}

async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {}); // the query rejects too
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

const noteFile = () => join(folder.path, 'postgres/data/postmaster.pid');
const serverPid = () => Number(readFileSync(noteFile(), 'utf8').split('\n')[0]);

describe('the embedded PostgreSQL', () => {
  it('is a UTF-8 database on this machine alone, with a password that only its owner can read', async () => {
    const postgres = await startEmbeddedPostgres({ dataDir: folder.path, log });
    const settings = `select current_database() as name, current_setting('server_encoding') as encoding,
      current_setting('listen_addresses') as host, current_setting('fsync') as fsync`;
    expect(await query(postgres.url, settings)).toEqual([
      { name: 'longshore', encoding: 'UTF8', host: '127.0.0.1', fsync: 'on' },
    ]);
    await expect(query(postgres.url.replace(/:[^:@]+@/, ':wrong@'), 'select 1')).rejects.toMatchObject({
      code: '28P01',
    });
    expect(statSync(join(folder.path, 'postgres/server.json')).mode & 0o777).toBe(0o600);
    await postgres.stop();
    await postgres.stop(); // again: nothing happens
  });

  it('is created once when two processes start at the same time', async () => {
    const [first, second] = await Promise.all([startUser(), startUser()]);
    expect(first.url).toBe(second.url);
    await query(first.url, 'create table proof (id int)');
    expect(await query(second.url, 'select * from proof')).toEqual([]);
  });

  it('runs on until the last process stops, and keeps its address and data', async () => {
    const first = await startUser();
    const second = await startUser();
    await query(first.url, 'create table proof as select 42 as answer');
    await first.end('SIGTERM');
    expect(await query(second.url, 'select answer from proof')).toEqual([{ answer: 42 }]);
    await second.end('SIGTERM');
    expect(existsSync(noteFile())).toBe(false);
    await expect(query(second.url, 'select 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });

    const third = await startUser();
    expect(third.url).toBe(first.url);
    expect(await query(third.url, 'select answer from proof')).toEqual([{ answer: 42 }]);
    await third.end('SIGTERM');
  });

  it('stops with the last process even when two stop at the same time', async () => {
    const both = await Promise.all([startUser(), startUser()]);
    await Promise.all(both.map((user) => user.end('SIGTERM')));
    expect(existsSync(noteFile())).toBe(false);
  });

  it('is found again after its only user was killed, and stops with the next', async () => {
    const killed = await startUser();
    await query(killed.url, 'create table proof as select 42 as answer');
    const pid = serverPid();
    await killed.end('SIGKILL');
    const next = await startUser();
    expect(serverPid()).toBe(pid);
    expect(await query(next.url, 'select answer from proof')).toEqual([{ answer: 42 }]);
    await next.end('SIGTERM');
    expect(existsSync(noteFile())).toBe(false);
  });

  it('is not kept running by a user that was killed', async () => {
    const killed = await startUser();
    const last = await startUser();
    await killed.end('SIGKILL'); // before the other one looks who is left
    await last.end('SIGTERM');
    expect(existsSync(noteFile())).toBe(false);
  });

  it('recovers what was committed when the server itself was killed', async () => {
    const user = await startUser();
    await query(user.url, 'create table proof as select 42 as answer');
    process.kill(serverPid(), 'SIGKILL');
    const next = await startUser();
    expect(await query(next.url, 'select answer from proof')).toEqual([{ answer: 42 }]);
    // The first one comes back too, so the server must not stop under it.
    await waitFor(async () => (await query(next.url, presences)).length === 2, { describe: 'both users are present' });
    await next.end('SIGTERM');
    expect(await query(user.url, 'select answer from proof')).toEqual([{ answer: 42 }]);
  });

  it('starts although the pid in a stale note now belongs to another process', async () => {
    const user = await startUser();
    const note = readFileSync(noteFile(), 'utf8');
    await user.end('SIGTERM');
    // Of the server's own user: only such a process makes PostgreSQL believe that a server runs.
    const other = spawn('sleep', ['60'], { uid: statSync(join(folder.path, 'postgres/data')).uid });
    writeFileSync(noteFile(), note.replace(/^\d+/, String(other.pid)));
    const next = await startUser();
    expect(await query(next.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(other.exitCode).toBeNull();
    await next.end('SIGTERM');
    other.kill();
  });

  it('starts although a process was killed while it held the lock and created the data', async () => {
    const root = join(folder.path, 'postgres');
    mkdirSync(join(root, 'lock'), { recursive: true });
    mkdirSync(join(root, 'data.new.unfinished'));
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(join(root, 'lock'), longAgo, longAgo);
    const user = await startUser();
    await user.end('SIGTERM');
    expect(readdirSync(root).sort()).toEqual(['data', 'server.json', 'server.log']);
  });

  it('does not keep a program alive', async () => {
    const child = fork(program, [folder.path, '--leave'], { execArgv: [] });
    users.push(child);
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('says what is missing when the file with its password is gone', async () => {
    await (await startEmbeddedPostgres({ dataDir: folder.path, log })).stop();
    rmSync(join(folder.path, 'postgres/server.json'));
    const error = await startEmbeddedPostgres({ dataDir: folder.path, log }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).message).toMatch(/server\.json.*DATABASE_URL/);
  });
});

const presences = `select pid from pg_stat_activity where application_name like 'longshore presence%'`;

describe.runIf(process.getuid?.() === 0)('the embedded PostgreSQL under root', () => {
  it('runs as another user than root', async () => {
    const user = await startUser();
    expect(statSync(join(folder.path, 'postgres/data')).uid).not.toBe(0);
    await user.end('SIGTERM');
  });

  it('runs in a folder that only root may enter', async () => {
    chmodSync(folder.path, 0o700);
    const user = await startUser();
    await query(user.url, 'create table proof as select 42 as answer');
    await user.end('SIGTERM');
    expect(statSync(folder.path).mode & 0o777).toBe(0o700);
    const next = await startUser();
    expect(await query(next.url, 'select answer from proof')).toEqual([{ answer: 42 }]);
    await next.end('SIGTERM');
  });
});
