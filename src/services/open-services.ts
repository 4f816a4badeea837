import type { KnownDefinitions } from '../define/check-input.ts';
import type { MediaSettings, OpenAiSettings, Services } from '../define/services.ts';
import { createOutbound, type Outbound, type OutboundSettings } from '../shared/outbound.ts';
import type { Store } from '../store/store.ts';
import { type AiLimits, createAiBudgets } from './ai-budgets.ts';
import { type ConnectorSecrets, createConnectors } from './connectors.ts';
import { createEmailSender, type EmailSettings } from './email.ts';
import { createQueries, type QuerySettings } from './queries.ts';
import { createRecords } from './records.ts';
import { createUserNotifications } from './user-notifications.ts';

/** Plain data: it is sent to threads and child processes, which open services of their own. */
export interface ServiceSettings {
  outbound: OutboundSettings;
  storageDir: string;
  fileRoots: readonly string[];
  media: MediaSettings;
  email: EmailSettings;
  openAi: OpenAiSettings | undefined;
  aiLimits: AiLimits;
  queries: QuerySettings;
  connectorSecrets: ConnectorSecrets;
}

/** What services work with. */
export interface ServiceParts {
  /** Asked for with the first use: a thread connects only for jobs that need the record. */
  getStore: () => Promise<Store>;
  /** What jobs may name; a thread loads JOBS_DIR for it. */
  getNamed: () => Promise<KnownDefinitions>;
}

export interface OpenedServices {
  services: Services;
  outbound: Outbound;
  /** Ends what is still under way, so stop the handlers first. Does not close the store. */
  close(): Promise<void>;
}

/**
 * Makes what handlers use as `ctx.services`. Libraries and connections are opened with their first use.
 * @param own what `services.ts` in JOBS_DIR made
 */
export function openServices(settings: ServiceSettings, parts: ServiceParts, own: Partial<Services>): OpenedServices {
  const outbound = createOutbound(settings.outbound);
  const email = createEmailSender(settings.email);
  const queries = createQueries(settings.queries, async () => (await parts.getNamed()).queries);
  const services: Services = {
    ...own,
    fetch: outbound.fetch,
    storageDir: settings.storageDir,
    fileRoots: [...settings.fileRoots],
    media: settings.media,
    email,
    notifications: createUserNotifications(parts.getStore),
    openAi: settings.openAi,
    aiBudgets: createAiBudgets(settings.aiLimits, parts.getStore),
    queries,
    records: createRecords(parts.getStore),
    connectors: createConnectors(settings.connectorSecrets, async () => (await parts.getNamed()).connectors),
  };
  return { services, outbound, close: () => closeAll(outbound, email, queries) };
}

async function closeAll(...opened: { close(): Promise<void> }[]): Promise<void> {
  await Promise.all(opened.map((part) => part.close()));
}
