import { Ajv2020 } from 'ajv/dist/2020.js';

const MAX_FAULTS = 10;

export type CheckedAnswer = { json: unknown } | { faults: string };

export type CheckAnswer = (text: string) => CheckedAnswer;

/**
 * Compiles what a caller sent, so what could take for ever is left out: regular expressions (`pattern`, `format`), which may
 * backtrack, and `uniqueItems`, which compares all with all.
 * @throws Error for what is no JSON Schema, or has `patternProperties` or a `$ref` to elsewhere
 */
export function compileAnswerSchema({ $schema: _, ...schema }: Record<string, unknown>): CheckAnswer {
  if (hasKey(schema, 'patternProperties')) throw new Error('patternProperties cannot be checked safely');
  const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false });
  for (const keyword of ['pattern', 'uniqueItems']) ajv.removeKeyword(keyword);
  const validate = ajv.compile(schema);
  return (text) => {
    const parsed = parseJson(text);
    if ('faults' in parsed || validate(parsed.json)) return parsed;
    const faults = (validate.errors ?? []).slice(0, MAX_FAULTS);
    return {
      faults: faults.map(({ instancePath, message }) => `${instancePath || 'the answer'} ${message}`).join('; '),
    };
  };
}

function parseJson(text: string): CheckedAnswer {
  try {
    const json: unknown = JSON.parse(dropFence(text.trim()));
    if (JSON.stringify(json).includes('\\u0000')) return { faults: 'a text holds NUL (U+0000)' };
    return { json };
  } catch (error) {
    return { faults: `the answer is not JSON: ${(error as Error).message}` };
  }
}

// Some models wrap what they were asked for in a code fence.
function dropFence(text: string): string {
  return text.startsWith('```') && text.endsWith('```') ? text.slice(text.indexOf('\n') + 1, -3) : text;
}

function hasKey(value: unknown, key: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([name, item]) => name === key || hasKey(item, key));
}
