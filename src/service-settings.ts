import type { OpenAiSettings } from './define/services.ts';
import type { Env } from './env.ts';
import type { ServiceSettings } from './services/open-services.ts';
import type { StorageSettings } from './storage/storage-settings.ts';
import type { GuestSettings } from './worker/isolation/protocol.ts';
import type { IsolationSettings } from './worker/isolation/settings.ts';

function chooseServices(env: Env, storage: StorageSettings, databaseUrl: string): ServiceSettings {
  return {
    outbound: {
      allowPrivate: env.outboundAllowPrivate,
      allow: env.outboundAllow,
      hosts: env.outboundHosts,
      perHost: env.outboundPerHost,
      timeoutMs: env.outboundTimeoutMs,
      maxBytes: env.outboundMaxBytes,
    },
    storageDir: storage.kind === 'local' ? storage.dir : env.storageDir,
    fileRoots: env.fileRoots,
    media: { ffmpegPath: env.ffmpegPath },
    openAi: chooseOpenAi(env),
    aiLimits: {
      tokensPerDay: env.aiTokensPerDay,
      costMicrosPerDay: Math.round(env.aiCostPerDay * 1_000_000),
      prices: env.aiPrices ?? {},
    },
    email: { smtpUrl: env.smtpUrl, from: env.emailFrom, templatesDir: env.emailTemplatesDir },
    queries: { databaseUrl, exportDatabaseUrl: env.exportDatabaseUrl },
    connectorSecrets: Object.fromEntries(env.connectorSecrets),
  };
}

export function chooseIsolation(env: Env, guest: GuestSettings): IsolationSettings {
  return {
    threadsMin: env.threadsMin,
    threadsMax: env.threadsMax,
    idleMs: env.threadsIdleMs,
    maxWaiting: env.threadsQueue,
    memoryMb: env.threadMemoryMb,
    guest,
  };
}

/** What a thread or child process opens the same services with as the program itself. */
export function chooseGuest(env: Env, storage: StorageSettings, databaseUrl: string): GuestSettings {
  const { jobsDir, maxOutputBytes } = env;
  return { services: chooseServices(env, storage, databaseUrl), storage, jobsDir, databaseUrl, maxOutputBytes };
}

function chooseOpenAi(env: Env): OpenAiSettings | undefined {
  const { openAiBaseUrl: baseUrl, openAiApiKey: apiKey, openAiModel: textModel, openAiImageModel: imageModel } = env;
  return baseUrl === undefined ? undefined : { baseUrl, apiKey, textModel, imageModel };
}
