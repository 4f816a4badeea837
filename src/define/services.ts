import type { OutboundFetch, OutboundInit } from '../shared/outbound.ts';
import type { EmailSender } from './email.ts';
import type { UserNotifications } from './user-notifications.ts';

export type * from './email.ts';
export type * from './user-notifications.ts';

import type { AiBudgets } from './ai-budgets.ts';

export type { AiBudgets, AiCall, AiGrant, AiRefusal, AiTokens } from './ai-budgets.ts';

import type { Queries } from './queries.ts';
import type { Connectors, Records } from './records.ts';

export type * from './queries.ts';
export type * from './records.ts';
export type { OutboundFetch, OutboundInit };

/**
 * What handlers may use besides their input, as `ctx.services`. Add your own with
 * `declare module 'longshore' { interface Services { mailer: Mailer } }` and a `services.ts` in JOBS_DIR.
 */
export interface Services {
  /** `fetch` that refuses addresses as the OUTBOUND settings say, and bounds time and size of every call. */
  fetch: OutboundFetch;
  /** An absolute path; files that jobs keep go below it. */
  storageDir: string;
  /** Absolute paths of folders whose files jobs may read, besides `storageDir`; hidden files stay closed. FILE_ROOTS. */
  fileRoots: string[];
  /** What the video jobs work with. */
  media: MediaSettings;
  /** Sends e-mail as SMTP_URL says. */
  email: EmailSender;
  /** Messages to users inside of an application. */
  notifications: UserNotifications;
  /** An OpenAI-compatible server; undefined without OPENAI_BASE_URL. */
  openAi: OpenAiSettings | undefined;
  /** What the AI calls of each tenant may use in a day. */
  aiBudgets: AiBudgets;
  /** Named queries that jobs may read. */
  queries: Queries;
  /** Records that `records:download` keeps. */
  records: Records;
  /** Where they come from. */
  connectors: Connectors;
}

export interface MediaSettings {
  /** FFMPEG_PATH; without it ffmpeg is looked for. */
  ffmpegPath?: string | undefined;
}

export interface OpenAiSettings {
  baseUrl: string;
  apiKey?: string | undefined;
  textModel: string;
  /** Undefined: pictures are not asked for. */
  imageModel?: string | undefined;
}
