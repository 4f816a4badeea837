import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { Answer } from './program.ts';

export type Schema = Record<string, unknown>;

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required: boolean;
  explode?: boolean;
  schema: Schema;
}
interface Media {
  schema: Schema;
}
interface Response {
  description: string;
  headers?: Record<string, unknown>;
  content?: Record<string, Media>;
}
export interface Operation {
  name: string;
  method: string;
  path: string;
  operationId: string;
  security?: unknown[];
  parameters: Parameter[];
  requestBody?: { required: boolean; content: Record<string, Media> };
  responses: Record<string, Response | { $ref: string }>;
}
export interface OpenApi {
  paths: Record<string, Record<string, Omit<Operation, 'name' | 'method' | 'path'>>>;
  components: Record<string, Record<string, unknown>>;
}

/** An OpenAPI document that can tell whether answers are as it says. */
export class Contract {
  readonly #document: OpenApi;
  readonly #ajv: Ajv2020;
  readonly #validators = new Map<string, ValidateFunction>();

  constructor(document: OpenApi) {
    this.#document = document;
    this.#ajv = new Ajv2020({ strict: false, allErrors: true });
    formats.default(this.#ajv);
    this.#ajv.addSchema({ ...document, $id: 'api' });
  }

  get operations(): Operation[] {
    return Object.entries(this.#document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ ...operation, name: `${method} ${path}`, method, path })),
    );
  }

  /** The schema that a reference leads to, or the schema itself. */
  resolve(schema: Schema): Schema {
    const name = /^#\/components\/schemas\/(.+)$/.exec(String(schema.$ref))?.[1];
    return name === undefined ? schema : (this.#document.components.schemas?.[name] as Schema);
  }

  /** Whether a schema of the document allows a value. */
  allows(schema: Schema, value: unknown): boolean {
    const text = JSON.stringify(schema).replaceAll('"#/components/', '"api#/components/');
    const validate = this.#validators.get(text) ?? this.#ajv.compile(JSON.parse(text));
    this.#validators.set(text, validate);
    return validate(value);
  }

  /** What is wrong with an answer, by the document; nothing where all is well. */
  findFaults(operation: Operation, { status, headers, body }: Answer<unknown>): string[] {
    const found = operation.responses[status];
    if (!found) return [`status ${status} is not documented: ${JSON.stringify(body)}`];
    const { at, response } = this.#locate(operation, status, found);
    const known = Object.keys(this.#document.components.headers ?? {});
    const documented = Object.keys(response.headers ?? {});
    const faults = known
      .filter((name) => headers.has(name) && !documented.includes(name))
      .map((name) => `the header ${name} of ${status} is not documented`);
    if (status === 201 && !headers.has('location')) faults.push('201 has no Location');
    const type = headers.get('content-type')?.split(';')[0] ?? '';
    const types = Object.keys(response.content ?? {});
    if (types.length === 0) return body === '' ? faults : [...faults, `${status} should have no body`];
    if (types[0] === 'application/octet-stream') return faults; // of any type
    if (!types.includes(type)) return [...faults, `${status} is ${type} and not ${types.join(', ')}`];
    if (!type.endsWith('json')) return faults;
    return [...faults, ...this.#validate(`${at}/content/${toPointer(type)}/schema`, body)];
  }

  #locate(operation: Operation, status: number, found: Response | { $ref: string }) {
    if (!('$ref' in found)) {
      return { at: `#/paths/${toPointer(operation.path)}/${operation.method}/responses/${status}`, response: found };
    }
    const name = found.$ref.split('/').at(-1) ?? '';
    return { at: found.$ref, response: this.#document.components.responses?.[name] as Response };
  }

  #validate(pointer: string, body: unknown): string[] {
    const validate = this.#validators.get(pointer) ?? this.#ajv.compile({ $ref: `api${pointer}` });
    this.#validators.set(pointer, validate);
    if (validate(body)) return [];
    return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
  }
}

/** As a JSON pointer in a URI fragment. */
function toPointer(text: string): string {
  return encodeURIComponent(text.replaceAll('~', '~0').replaceAll('/', '~1'));
}
