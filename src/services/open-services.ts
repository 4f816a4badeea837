import type { MediaSettings, Services } from '../define/services.ts';
import { createOutbound, type Outbound, type OutboundSettings } from '../shared/outbound.ts';
import type { Store } from '../store/store.ts';

/** Plain data: it is sent to threads and child processes, which open services of their own. */
export interface ServiceSettings {
  outbound: OutboundSettings;
  storageDir: string;
  fileRoots: readonly string[];
  media: MediaSettings;
}

/** What services work with. */
export interface ServiceParts {
  /** Asked for with the first use: a thread connects only for jobs that need the record. */
  getStore: () => Promise<Store>;
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
export function openServices(settings: ServiceSettings, _parts: ServiceParts, own: Partial<Services>): OpenedServices {
  const outbound = createOutbound(settings.outbound);
  const services: Services = {
    ...own,
    fetch: outbound.fetch,
    storageDir: settings.storageDir,
    fileRoots: [...settings.fileRoots],
    media: settings.media,
  };
  return { services, outbound, close: () => outbound.close() };
}
