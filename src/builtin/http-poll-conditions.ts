import { isDeepStrictEqual } from 'node:util';
import type { query as queryJson } from 'jsonpath-rfc9535';
import { callWithin } from './call-within.ts';
import type { DecodedBody } from './http-body.ts';
import type { Condition, PathCondition } from './http-poll-schema.ts';
import { matchesStatus } from './http-request-schema.ts';

export type Answer = { status: number } & DecodedBody;

export type Verdict = { kind: 'done'; matched: unknown } | { kind: 'failed'; why: string } | { kind: 'not yet' };

/** Patterns and paths come with the request: some take for ever on some texts. */
const JUDGE_TIMEOUT_MS = 1000;

/**
 * Says what an answer means. A body that is no JSON fits no path.
 * @throws NonRetryableError when the conditions take longer than a second
 */
export async function judgeAnswer(
  answer: Answer,
  { until, failWhen }: { until: readonly Condition[]; failWhen: readonly Condition[] },
): Promise<Verdict> {
  const { query } = await import('jsonpath-rfc9535');
  const judge = (): Verdict => {
    const failure = failWhen.find((condition) => judgeAll([condition], answer, query).holds);
    if (failure) return { kind: 'failed', why: JSON.stringify(failure) };
    const { holds, matched } = judgeAll(until, answer, query);
    return holds ? { kind: 'done', matched } : { kind: 'not yet' };
  };
  return callWithin(JUDGE_TIMEOUT_MS, 'the conditions', judge);
}

type Query = typeof queryJson;

function judgeAll(conditions: readonly Condition[], answer: Answer, query: Query) {
  const isAboutStatus = conditions.some((condition) => 'status' in condition);
  if (!isAboutStatus && !matchesStatus(['2xx'], answer.status)) return { holds: false, matched: null };
  const found: unknown[] = [];
  const holds = conditions.every((condition) => {
    if ('status' in condition) return matchesStatus(condition.status, answer.status);
    if (answer.bodyEncoding !== 'json') return false;
    const fitting = select(condition, answer.body, query);
    if (fitting !== undefined) found.push(fitting[0] ?? null);
    return fitting !== undefined;
  });
  return { holds, matched: found[0] ?? null };
}

/** @returns the values that fit, none of them where there was to be none; undefined when the condition does not hold */
function select(condition: PathCondition, body: unknown, query: Query): unknown[] | undefined {
  const values: unknown[] = query(body as Parameters<Query>[0], condition.path);
  if (condition.exists === false) return values.length === 0 ? [] : undefined;
  const fitting = values.filter((value) => fits(condition, value));
  return fitting.length > 0 ? fitting : undefined;
}

function fits(condition: PathCondition, value: unknown): boolean {
  const { equals, in: choices, matches, atLeast, atMost } = condition;
  if (equals !== undefined && !isDeepStrictEqual(value, equals)) return false;
  if (choices && !choices.some((choice) => isDeepStrictEqual(value, choice))) return false;
  if (matches !== undefined && !(typeof value === 'string' && new RegExp(matches, 'u').test(value))) return false;
  if (atLeast !== undefined && !(typeof value === 'number' && value >= atLeast)) return false;
  return atMost === undefined || (typeof value === 'number' && value <= atMost);
}
