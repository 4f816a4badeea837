import type { JobDefinition } from '../define/job.ts';
import { cacheWarm } from './cache/warm-job.ts';
import { chatComplete } from './chat/complete-job.ts';
import { emailBatch } from './email/batch-job.ts';
import { emailSend } from './email/send-job.ts';
import { fileProcess } from './file-process.ts';
import { httpPoll } from './http-poll.ts';
import { httpRequest } from './http-request.ts';
import { imageProcess } from './image/image-process.ts';
import { userNotification } from './notification/notify-job.ts';
import { videoClip } from './video/clip-job.ts';
import { videoGenerate } from './video/generate.ts';
import { videoImage } from './video/image-job.ts';
import { videoMerge } from './video/merge-job.ts';
import { videoScript } from './video/script-job.ts';

/** The jobs that ship with the program. */
export const builtinJobs: JobDefinition[] = [
  httpRequest,
  httpPoll,
  emailSend,
  emailBatch,
  userNotification,
  fileProcess,
  cacheWarm,
  chatComplete,
  imageProcess,
  videoGenerate,
  videoScript,
  videoImage,
  videoClip,
  videoMerge,
];
