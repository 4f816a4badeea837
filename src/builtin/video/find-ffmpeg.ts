import { spawn } from 'node:child_process';
import { NonRetryableError } from '../../define/errors.ts';

export interface FfmpegSearch {
  /** FFMPEG_PATH; then nothing else is tried. */
  configured?: string | undefined;
  /** @returns undefined when the program runs, else why not */
  test(program: string): Promise<string | undefined>;
  /** @returns the program that an npm package brought along */
  findPackaged(): Promise<string | undefined>;
}

const HOW_TO_INSTALL =
  'install it ("apt-get install ffmpeg", "brew install ffmpeg"), add the npm package @ffmpeg-installer/ffmpeg, ' +
  'or set FFMPEG_PATH to where it is';

/** What was found runs until somebody removes it; a failure is not kept, so that ffmpeg may be installed meanwhile. */
const found = new Map<string | undefined, string>();

/** @throws NonRetryableError that says how to install it */
export async function findFfmpeg(configured: string | undefined): Promise<string> {
  const known = found.get(configured);
  if (known !== undefined) return known;
  const program = await searchFfmpeg({ configured, test: testFfmpeg, findPackaged });
  found.set(configured, program);
  return program;
}

/** FFMPEG_PATH, else `ffmpeg` in PATH, else that of the npm package. */
export async function searchFfmpeg({ configured, test, findPackaged }: FfmpegSearch): Promise<string> {
  if (configured !== undefined) {
    const fault = await test(configured);
    if (fault === undefined) return configured;
    throw new NonRetryableError(
      `FFMPEG_PATH is "${configured}", which ${fault}: correct it, or leave it empty to have ffmpeg looked for, and ` +
        HOW_TO_INSTALL,
    );
  }
  if ((await test('ffmpeg')) === undefined) return 'ffmpeg';
  const packaged = await findPackaged();
  if (packaged !== undefined && (await test(packaged)) === undefined) return packaged;
  throw new NonRetryableError(`ffmpeg was not found: ${HOW_TO_INSTALL}`);
}

/** Asks a program for its version, as ffmpeg knows it. */
export async function testFfmpeg(program: string): Promise<string | undefined> {
  const child = spawn(program, ['-hide_banner', '-version'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    windowsHide: true,
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output = (output + chunk.toString('latin1')).slice(0, 1000);
  });
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'ENOENT' ? 'does not exist' : `cannot be run (${error.code ?? error.message})`);
    });
    child.once('close', (code) => {
      resolve(code === 0 && output.startsWith('ffmpeg version') ? undefined : 'does not answer as ffmpeg does');
    });
  });
}

async function findPackaged(): Promise<string | undefined> {
  try {
    const { default: installer } = await import('@ffmpeg-installer/ffmpeg');
    return installer.path;
  } catch {
    return undefined; // an optional package: left out, or not made for this platform
  }
}
