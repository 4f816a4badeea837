import type { ConnectorDefinition } from '../define/connector.ts';
import type { JobDefinition } from '../define/job.ts';
import { cacheWarm } from './cache/warm-job.ts';
import { chatComplete } from './chat/complete-job.ts';
import { emailBatch } from './email/batch-job.ts';
import { emailSend } from './email/send-job.ts';
import { dataExport } from './export/export-job.ts';
import { fileProcess } from './file-process.ts';
import { httpPoll } from './http-poll.ts';
import { httpRequest } from './http-request.ts';
import { imageProcess } from './image/image-process.ts';
import { userNotification } from './notification/notify-job.ts';
import { recordsDownload } from './records/download-job.ts';
import { fileConnector } from './records/file-connector.ts';
import { restConnector } from './records/rest-connector.ts';
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
  dataExport,
  recordsDownload,
  videoGenerate,
  videoScript,
  videoImage,
  videoClip,
  videoMerge,
];

/** The connectors that ship with it. */
export const builtinConnectors: ConnectorDefinition[] = [restConnector, fileConnector];
