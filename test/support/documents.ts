import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A code block of a document, with the comment on the line before it; test/e2e/docs.test.ts says what it may hold. */
export interface Block {
  kind: string;
  /** The path of a file, or why a block is not run. */
  subject: string;
  shows: string | undefined;
  later: string | undefined;
  needs: string | undefined;
  language: string;
  code: string;
  line: number;
}

const CODE_BLOCK = /(?:<!-- (?<mark>[^\n]+) -->\n)?^```(?<language>\w*)\n(?<code>.*?)^```$/gms;

/** The blocks of a document, named from the root of the repository. */
export function readBlocks(document: string): Block[] {
  const text = readFileSync(join(ROOT, document), 'utf8');
  return [...text.matchAll(CODE_BLOCK)].map(({ groups = {}, index }) => {
    const [first = '', ...options] = (groups.mark ?? '').split(/; (?=shows:|later:|needs:)/);
    const [, kind = '', subject = ''] = /^([a-z ]+)(?:: (.*))?$/.exec(first) ?? [];
    const optionOf = (name: string) => options.find((option) => option.startsWith(`${name}: `))?.slice(name.length + 2);
    return {
      kind,
      subject,
      shows: optionOf('shows'),
      later: optionOf('later'),
      needs: optionOf('needs'),
      language: groups.language ?? '',
      code: groups.code ?? '',
      line: text.slice(0, index).split('\n').length,
    };
  });
}

/** A pattern for a text whose lines may be broken elsewhere. */
export function literally(text: string): RegExp {
  return new RegExp(RegExp.escape(text).replaceAll(/(\\x20| )+/g, '\\s+'));
}
