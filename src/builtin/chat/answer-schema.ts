import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { NonRetryableError } from '../../define/errors.ts';
import { callWithin } from '../call-within.ts';

const MAX_FAULTS = 10;
/** Schemas that refer to each other multiply: some take for ever on a short answer. */
const TIMEOUT_MS = 1000;
/** A compiler keeps something of every schema, for as long as it lives. */
const MAX_USES = 100;

export type CheckedAnswer = { json: unknown } | { faults: string };

export type CheckAnswer = (text: string) => CheckedAnswer;

/**
 * Compiles what a caller sent, so what could take for ever is left out: regular expressions (`pattern`, `format`), which may
 * backtrack, and `uniqueItems`, which compares all with all.
 * @returns throws NonRetryableError for an answer that cannot be checked in time
 * @throws Error for what is no JSON Schema, takes too long, or has `patternProperties`, `$async` or a `$ref` to elsewhere
 */
export function compileAnswerSchema({ $schema: _, ...schema }: Record<string, unknown>): CheckAnswer {
  if (hasKey(schema, 'patternProperties')) throw new Error('patternProperties cannot be checked safely');
  if (hasKey(schema, '$async')) throw new Error('$async is no keyword of JSON Schema');
  const validate = compile(schema);
  return (text) => {
    const parsed = parseJson(text);
    if ('faults' in parsed || isValid(validate, parsed.json)) return parsed;
    const faults = (validate.errors ?? []).slice(0, MAX_FAULTS);
    return {
      faults: faults.map(({ instancePath, message }) => `${instancePath || 'the answer'} ${message}`).join('; '),
    };
  };
}

let compiler = { ajv: undefined as Ajv2020 | undefined, uses: 0 };

/** The compiler is kept, since it compiles the schema of schemas first; what fails in it may leave it in any state. */
function compile(schema: Record<string, unknown>): ValidateFunction {
  const { ajv = createAjv(), uses } = compiler;
  compiler = { ajv: undefined, uses: 0 };
  const validate = callWithin(TIMEOUT_MS, 'compiling it', () => ajv.compile(schema));
  ajv.removeSchema(schema);
  if (uses < MAX_USES) compiler = { ajv, uses: uses + 1 };
  return validate;
}

function createAjv(): Ajv2020 {
  // Inlining would compile what is referred to a thousand times a thousand times, and the optimizer takes the square of the size.
  const costs = { inlineRefs: false, code: { optimize: false } };
  const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false, ...costs });
  for (const keyword of ['pattern', 'uniqueItems']) ajv.removeKeyword(keyword);
  return ajv;
}

function isValid(validate: ValidateFunction, json: unknown): boolean {
  try {
    return callWithin(TIMEOUT_MS, 'checking the answer by responseSchema', () => validate(json));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new NonRetryableError('responseSchema refers to itself without end', { cause: error });
  }
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
