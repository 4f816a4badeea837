import type { JobDefinition } from '../define/job.ts';
import { fileProcess } from './file-process.ts';
import { httpRequest } from './http-request.ts';
import { videoClip } from './video/clip-job.ts';
import { videoGenerate } from './video/generate.ts';
import { videoImage } from './video/image-job.ts';
import { videoMerge } from './video/merge-job.ts';
import { videoScript } from './video/script-job.ts';

/** The jobs that ship with the program. */
export const builtinJobs: JobDefinition[] = [
  httpRequest,
  fileProcess,
  videoGenerate,
  videoScript,
  videoImage,
  videoClip,
  videoMerge,
];
