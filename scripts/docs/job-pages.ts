import { builtinJobs } from '../../src/builtin/index.ts';
import { type JsonSchema, listFields, type SchemaField } from '../../src/cli/schema-fields.ts';
import type { JobDefinition } from '../../src/define/job.ts';
import { toJsonSchema } from '../../src/define/registry.ts';
import { writeTable } from './markdown-table.ts';

const FOLDER = 'docs/reference/jobs';
const MADE_BY = '<!-- Made by `npm run docs` from the definitions in src/builtin: do not edit. -->';

const effects = { retry: 'another attempt, while there are any left', fail: 'the job fails at once' } as const;
const places = {
  none: 'in the worker itself',
  thread: 'in a thread of its own',
  process: 'in a child process of its own',
} as const;

/** A page for every built-in job and one that lists them, by their paths. */
export function writeJobPages(): Record<string, string> {
  const sorted = [...builtinJobs].sort((a, b) => a.type.localeCompare(b.type));
  const pages = sorted.map((definition) => [pathOf(definition), writePage(definition)]);
  return Object.fromEntries([[`${FOLDER}/README.md`, writeIndex(sorted)], ...pages]);
}

/** Where the pages are; what lies there beside them is stale. */
export const JOB_PAGES = `${FOLDER}/*.md`;

// Not the type itself: a ":" cannot be in the name of a file everywhere.
function pathOf({ type }: JobDefinition): string {
  return `${FOLDER}/${type.replaceAll(':', '-')}.md`;
}

function writeIndex(definitions: readonly JobDefinition[]): string {
  const rows = definitions.map((definition) => [
    `[\`${definition.type}\`](${pathOf(definition).slice(FOLDER.length + 1)})`,
    definition.description,
  ]);
  return [
    MADE_BY,
    '# Built-in jobs',
    '',
    'Every installation has these. `GET /v1/types` and `longshore types` list them together with your own, with the JSON Schema',
    'of what they take and give.',
    '',
    ...writeTable(['type', 'what it does'], rows),
    '',
  ].join('\n');
}

function writePage(definition: JobDefinition): string {
  return [
    MADE_BY,
    `# \`${definition.type}\``,
    '',
    definition.description,
    '',
    ...writeTable(['what', 'default'], defaultsOf(definition)),
    '',
    '## Input',
    '',
    ...writeInput(listFields(toJsonSchema(definition.inputSchema, 'input') as JsonSchema)),
    '',
    ...writeOutput(definition),
    ...writeFailures(definition),
    '## When it runs twice',
    '',
    definition.repeats,
    ...definition.examples.flatMap(({ title, input }) => writeExample(definition.type, title, input)),
    '',
  ].join('\n');
}

function defaultsOf({ queue, attempts, backoff, timeoutMs, isolation, isPipeline }: JobDefinition): string[][] {
  const limits = [
    ...(queue.concurrency === undefined ? [] : [`${queue.concurrency} at once in a process`]),
    ...(queue.rateLimit === undefined ? [] : [`${queue.rateLimit.max} starts in ${queue.rateLimit.durationMs} ms`]),
  ];
  return [
    ['queue', [`\`${queue.name}\``, ...limits].join('; ')],
    ['attempts', String(attempts)],
    ['backoff', typeof backoff === 'function' ? 'its own' : describeBackoff(backoff)],
    ['timeout of an attempt', `${timeoutMs.toLocaleString('en')} ms`],
    ['runs', isPipeline ? 'as a [pipeline](../../guides/pipelines.md)' : places[isolation]],
  ];
}

function describeBackoff({ type, delayMs }: Exclude<JobDefinition['backoff'], (...args: never[]) => unknown>): string {
  const delay = `${delayMs.toLocaleString('en')} ms`;
  return type === 'fixed' ? `always ${delay}` : `from ${delay}, doubled each time`;
}

function writeInput(fields: readonly SchemaField[]): string[] {
  const rows = fields.map((field) => [`\`${field.path}\``, field.type, defaultOf(field), field.description]);
  return writeTable(['field', 'type', 'default', 'what it is'], rows);
}

function defaultOf(field: SchemaField): string {
  if (field.default !== undefined) return `\`${JSON.stringify(field.default)}\``;
  return field.isRequired ? 'required' : '';
}

function writeOutput({ outputSchema }: JobDefinition): string[] {
  if (!outputSchema) return [];
  const fields = listFields(toJsonSchema(outputSchema, 'output') as JsonSchema);
  const rows = fields.map(({ path, type, description }) => [`\`${path}\``, type, description]);
  return ['## Output', '', ...writeTable(['field', 'type', 'what it is'], rows), ''];
}

function writeFailures({ failures }: JobDefinition): string[] {
  const rows = failures.map(({ when, effect }) => [when, effects[effect]]);
  return ['## What may go wrong', '', ...writeTable(['when', 'then'], rows), ''];
}

function writeExample(type: string, title: string, input: unknown): string[] {
  return [
    '',
    `## ${title}`,
    '',
    '`POST /v1/jobs`',
    '',
    '```json',
    JSON.stringify({ type, input }, undefined, 2),
    '```',
  ];
}
