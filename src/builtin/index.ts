import type { JobDefinition } from '../define/job.ts';
import { fileProcess } from './file-process.ts';
import { httpRequest } from './http-request.ts';

/** The jobs that ship with the program. */
export const builtinJobs: JobDefinition[] = [httpRequest, fileProcess];
