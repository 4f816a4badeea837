import type { TypeResource } from '../contract/program.ts';
import { formatDuration } from './format.ts';
import { type JsonSchema, listFields, type SchemaField } from './schema-fields.ts';
import { type Column, renderTable, type TableStyle } from './table.ts';
import { cleanLine } from './terminal.ts';

const inputColumns: Column<SchemaField>[] = [
  { title: 'FIELD', cell: (field) => cleanLine(field.path) },
  { title: 'TYPE', cell: (field) => cleanLine(field.type), minWidth: 16, isWrapped: true },
  { title: 'DEFAULT', cell: (field) => cleanLine(describeDefault(field)), minWidth: 8, dropOrder: 2 },
  { title: 'WHAT IT IS', cell: (field) => cleanLine(field.description), minWidth: 24, isWrapped: true, dropOrder: 1 },
];

const outputColumns = inputColumns.filter(({ title }) => title !== 'DEFAULT');

/** Everything about one type, as its page in the docs says it. */
export function renderType(type: TypeResource, style: TableStyle): string {
  const { bold, dim } = style.colors;
  const { attempts, timeoutMs } = type.defaults;
  const where = type.isolation === 'none' ? [] : [`in a ${type.isolation} of its own`];
  const facts = [`queue ${type.queue}`, `${attempts} attempts of at most ${formatDuration(timeoutMs)}`, ...where];
  const section = (title: string, lines: readonly string[]) => (lines.length === 0 ? [] : ['', bold(title), ...lines]);
  return [
    `${bold(type.type)}  ${cleanLine(type.description)}`,
    dim(facts.join(' · ')),
    ...section('Input', listSchema(type.inputSchema, inputColumns, style)),
    ...section('Output', type.outputSchema ? listSchema(type.outputSchema, outputColumns, style) : []),
    ...section(
      'What may go wrong',
      type.failures.map(({ when, effect }) => `  ${cleanLine(when)}: ${effect === 'retry' ? 'tried again' : 'fails'}`),
    ),
    ...section('When it runs twice', type.repeats === '' ? [] : [`  ${cleanLine(type.repeats)}`]),
    ...type.examples.flatMap(({ title, input }) =>
      section(cleanLine(title), [`  longshore enqueue ${type.type} --input ${quote(JSON.stringify(input))}`]),
    ),
  ].join('\n');
}

function listSchema(schema: object, columns: Column<SchemaField>[], style: TableStyle): string[] {
  const fields = listFields(schema as JsonSchema);
  return fields.length === 0 ? ['  any JSON'] : [renderTable(fields, columns, style)];
}

function describeDefault(field: SchemaField): string {
  if (field.default !== undefined) return JSON.stringify(field.default);
  return field.isRequired ? 'required' : '';
}

/** For a POSIX shell. */
function quote(text: string): string {
  return `'${cleanLine(text).replaceAll("'", `'\\''`)}'`;
}
