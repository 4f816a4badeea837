import type { z } from 'zod';
import type { EnqueueInput, JobOptionsInput } from '../contract/enqueue.ts';
import type { JobResource, JobStatus } from '../contract/job.ts';

/** What the client knows of each type of job. */
export type JobTypes = Record<string, { input: unknown; output: unknown }>;

/** The part of a definition that types are read from: the client never loads the definitions themselves. */
interface Definition {
  readonly kind: 'longshore.job';
  readonly type: string;
  readonly inputSchema: z.ZodType;
  readonly outputSchema: z.ZodType | undefined;
}

type DefinitionIn<Jobs> = Jobs extends object ? Extract<Jobs[keyof Jobs], Definition> : never;

/**
 * The types in an object of definitions, or in a module that exports them; what else is in there does not count.
 * Of `unknown` every type with any input is allowed.
 */
export type JobTypesOf<Jobs> = unknown extends Jobs
  ? JobTypes
  : {
      [Each in DefinitionIn<Jobs> as Each['type']]: {
        input: z.input<Each['inputSchema']>;
        output: AsJson<z.output<NonNullable<Each['outputSchema']>>>;
      };
    };

/** What JSON makes of a value, e.g. a text of a `Date`. */
export type AsJson<T> = unknown extends T
  ? T
  : T extends { toJSON(): infer Json }
    ? Json
    : T extends object
      ? { [Key in keyof T]: AsJson<T[Key]> }
      : T;

export type TypeName<Types extends JobTypes> = keyof Types & string;

type Ended<Output> =
  | { status: 'completed'; output: Output }
  | { status: Exclude<JobStatus, 'completed'>; output: unknown };

type TypedJob<Type extends string, Input, Output> = Omit<JobResource, 'type' | 'input' | 'output' | 'status'> & {
  type: Type;
  input: Input;
} & Ended<Output>;

/** A job of one of some types; `type` and `status` tell which input and output it has. */
export type JobOf<Types extends JobTypes, Type extends TypeName<Types> = TypeName<Types>> =
  string extends TypeName<Types>
    ? JobResource
    : { [Each in Type]: TypedJob<Each, Types[Each]['input'], Types[Each]['output']> }[Type];

/** The same of one that completed. */
export type CompletedJobOf<Types extends JobTypes, Type extends TypeName<Types> = TypeName<Types>> = JobOf<
  Types,
  Type
> & { status: 'completed' };

/** A job as a caller writes it. */
export type EnqueueOf<Types extends JobTypes> =
  string extends TypeName<Types>
    ? EnqueueInput
    : {
        [Type in TypeName<Types>]: { type: Type; input: Types[Type]['input']; options?: JobOptionsInput };
      }[TypeName<Types>];
