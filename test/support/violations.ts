import type { Contract, Parameter, Schema } from './openapi.ts';

/** A value that a schema forbids, and why. */
export interface Violation {
  why: string;
  value: unknown;
}

interface Limits {
  type?: string | string[];
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  maxItems?: number;
  minItems?: number;
  format?: string;
  pattern?: string;
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: unknown;
}

/**
 * Values that a schema forbids, each for one reason.
 * @param good one that it allows
 */
export function violate(schema: Schema, good: unknown, contract: Pick<Contract, 'resolve' | 'allows'>): Violation[] {
  const limits = contract.resolve(schema) as Limits;
  if (limits.anyOf !== undefined) return violateAll(schema, limits.anyOf, good, contract);
  if (limits.type !== 'object' || limits.properties === undefined) return violateValue(limits);
  const { properties, required = [], additionalProperties } = limits;
  const base = (good ?? {}) as Record<string, unknown>;
  const within = (name: string, value: unknown) => ({ ...base, [name]: value });
  return [
    ...['text', 17, [], true].map((value) => ({ why: `${JSON.stringify(value)} in place of an object`, value })),
    ...(additionalProperties === false ? [{ why: 'an unknown field', value: within('nonsense', 1) }] : []),
    ...required
      .filter((name) => name in base)
      .map((name) => ({
        why: `${name} is missing`,
        value: Object.fromEntries(Object.entries(base).filter(([each]) => each !== name)),
      })),
    ...Object.entries(properties).flatMap(([name, property]) =>
      violate(property, base[name], contract).map(({ why, value }) => ({
        why: `${name}: ${why}`,
        value: within(name, value),
      })),
    ),
  ];
}

/** What one alternative forbids another may allow. */
function violateAll(
  schema: Schema,
  alternatives: readonly Schema[],
  good: unknown,
  contract: Pick<Contract, 'resolve' | 'allows'>,
): Violation[] {
  const others = ['none of them!', -1.5, true, null, [], {}, [{}]].map((value) => ({
    why: `${JSON.stringify(value)} is none of them`,
    value,
  }));
  return [...others, ...alternatives.flatMap((each) => violate(each, good, contract))].filter(
    ({ value }) => !contract.allows(schema, value),
  );
}

function violateValue(limits: Limits): Violation[] {
  if (limits.anyOf !== undefined) return []; // what one alternative forbids another may allow
  const wrong = (value: unknown) => ({ why: `${JSON.stringify(value)?.slice(0, 30)} is no ${limits.type}`, value });
  switch (limits.type) {
    case 'integer':
      return [wrong('17'), wrong(1.5), wrong({}), wrong(null), ...violateRange(limits)];
    case 'number':
      return [wrong('17'), wrong({}), ...violateRange(limits)];
    case 'boolean':
      return [wrong('true'), wrong(1)];
    case 'string':
      return [wrong(17), wrong({}), wrong(null), ...violateText(limits)];
    case 'array':
      return [wrong('a,b'), wrong({}), ...violateLength(limits)];
    case 'object':
      return [wrong('text'), wrong([]), wrong(17)];
    default:
      return []; // anything goes
  }
}

function violateRange({ minimum, maximum }: Limits): Violation[] {
  const isEdge = (limit: number | undefined) => limit !== undefined && Math.abs(limit) < Number.MAX_SAFE_INTEGER;
  return [
    ...(isEdge(minimum) ? [{ why: `less than ${minimum}`, value: (minimum as number) - 1 }] : []),
    ...(isEdge(maximum) ? [{ why: `more than ${maximum}`, value: (maximum as number) + 1 }] : []),
  ];
}

function violateText({ enum: allowed, minLength, maxLength, format, pattern }: Limits): Violation[] {
  const other = 'none of them!';
  return [
    ...(allowed ? [{ why: 'not in the enum', value: other }] : []),
    ...(minLength ? [{ why: 'too short', value: '' }] : []),
    ...(maxLength === undefined ? [] : [{ why: 'too long', value: 'a'.repeat(maxLength + 1) }]),
    ...(format === undefined ? [] : [{ why: `no ${format}`, value: other }]),
    ...(pattern !== undefined && !new RegExp(pattern, 'u').test('\n') ? [{ why: 'another pattern', value: '\n' }] : []),
  ];
}

function violateLength({ minItems, maxItems }: Limits): Violation[] {
  return [
    ...(minItems ? [{ why: 'too few', value: [] }] : []),
    ...(maxItems !== undefined && maxItems <= 1000 ? [{ why: 'too many', value: Array(maxItems + 1).fill('a') }] : []),
  ];
}

/** The same for what stands in a query, where all is text. */
export function violateQuery({ schema }: Parameter): Violation[] {
  return violateValue(schema as Limits).filter(({ value }) => {
    if (typeof value === 'string') return (schema as Limits).type !== 'integer' || !/^\d+$/.test(value);
    return typeof value === 'number' && (schema as Limits).type === 'integer';
  });
}
