import { problemSchema } from '../../contract/program.ts';
import { AppError, type ErrorCode, errorCatalogue } from '../../shared/errors.ts';
import { toProblem } from '../problem.ts';
import type { Route } from '../route.ts';
import { type ResponseHeader, referToHeaders } from './headers.ts';
import type { WriteSchema } from './schemas.ts';

const everyCode = Object.keys(errorCatalogue) as ErrorCode[];
/** What is answered to who calls too often. */
const tooMany = everyCode.filter((code) => String(errorCatalogue[code].status) === '429');

/** The problems that an operation may answer: those that follow from its record, and those that its record names. */
export function problemsOf(each: Route): ErrorCode[] {
  const takesJson = (each.method === 'post' || each.method === 'patch') && each.reads === undefined;
  return [
    'INVALID_REQUEST', // what no HTTP server can read
    ...(each.scope === 'none' ? [] : (['UNAUTHENTICATED', 'FORBIDDEN', 'STORE_UNAVAILABLE', ...tooMany] as const)),
    ...(each.path.includes('{') ? (['NOT_FOUND'] as const) : []),
    ...(takesJson ? (['MALFORMED_JSON', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] as const) : []),
    ...(each.scope === 'none' ? [] : (['INVALID_FIELDS'] as const)), // at least a query that it does not know
    ...(each.isIdempotent ? (['IDEMPOTENCY_IN_FLIGHT', 'IDEMPOTENCY_KEY_REUSED'] as const) : []),
    ...(each.errors ?? []),
  ];
}

/** Writes answers that are problems, each combination of codes once, as a component. */
export function createProblemWriter(responses: Record<string, unknown>, writeSchema: WriteSchema) {
  const schema = writeSchema(problemSchema, 'output');
  const write = (codes: readonly ErrorCode[]): string => {
    const name = codes.join('.');
    responses[name] ??= {
      description: codes.map((code) => `\`${code}\`: ${errorCatalogue[code].title}`).join(' · '),
      headers: referToHeaders(headersOf(codes)),
      content: {
        'application/problem+json': {
          schema,
          example: toProblem(new AppError(codes[0] as ErrorCode, 'what was wrong')),
        },
      },
    };
    return `#/components/responses/${name}`;
  };
  responses.Unexpected = {
    description: 'A problem (RFC 9457) that no caller has caused',
    content: { 'application/problem+json': { schema } },
  };
  return (each: Route): Record<string, unknown> => {
    const codes = everyCode.filter((code) => problemsOf(each).includes(code));
    const byStatus = Map.groupBy(codes, (code) => errorCatalogue[code].status);
    const answers = [...byStatus].map(([status, some]) => [status, { $ref: write(some) }] as const);
    return { ...Object.fromEntries(answers), default: { $ref: '#/components/responses/Unexpected' } };
  };
}

function headersOf([first, ...more]: readonly ErrorCode[]): ResponseHeader[] {
  const status = first === undefined ? 0 : errorCatalogue[first].status;
  if (status === 401) return ['WWW-Authenticate'];
  if (status === 416) return ['Content-Range'];
  if (status === 503 || first === 'IDEMPOTENCY_IN_FLIGHT' || more.includes('IDEMPOTENCY_IN_FLIGHT'))
    return ['Retry-After'];
  return String(status) === '429' ? ['Retry-After', 'RateLimit-Policy', 'RateLimit'] : [];
}
