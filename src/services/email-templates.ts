import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EmailTemplate } from '../define/email.ts';
import { NonRetryableError } from '../define/errors.ts';

/** One segment of a path that is not hidden: no name leaves the folder. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** Reads the files of a template anew for each message, so that a change needs no restart. */
export async function readEmailTemplate(folder: string, name: string): Promise<EmailTemplate> {
  if (!NAME.test(name)) throw new NonRetryableError(`${JSON.stringify(name)} cannot be the name of an e-mail template`);
  const read = (ending: string) => readIfThere(join(folder, `${name}.${ending}`));
  const [subject, text, html] = await Promise.all([read('subject.txt'), read('txt'), read('html')]);
  if (text !== undefined || html !== undefined) return { subject: subject?.trim(), text, html };
  throw new NonRetryableError(
    `there is no e-mail template "${name}": EMAIL_TEMPLATES_DIR holds neither ${name}.txt nor ${name}.html`,
  );
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
