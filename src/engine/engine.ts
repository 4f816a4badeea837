import type { Registry } from '../define/registry.ts';
import type { Signals } from '../queue/signals.ts';
import type { Transports } from '../queue/transport.ts';
import type { Outbound } from '../shared/outbound.ts';
import type { Clock } from '../shared/time.ts';
import type { FileStorage } from '../storage/storage.ts';
import type { GroupedWrites } from '../store/grouped-writes.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { BatchWaker } from './batches/waker.ts';
import type { Dispatcher } from './dispatch.ts';
import type { FreedPlaces } from './freed-places.ts';
import type { Gatekeeper } from './gatekeeper.ts';
import type { KeyRing } from './key-ring.ts';
import type { PipelineWaker } from './pipelines/waker.ts';
import type { RequestRates } from './request-rates.ts';
import type { Scheduler } from './schedules/scheduler.ts';
import type { Subscribers } from './subscribers.ts';
import type { TenantLimitBook } from './tenant-limits.ts';
import type { JobWatcher } from './watch.ts';

/** What every verb of the engine works with. `main` puts it together. */
export interface Engine {
  readonly store: Store;
  /** The writes of every job, where those of one moment share a commit. */
  readonly writes: GroupedWrites;
  readonly registry: Registry;
  readonly transports: Transports;
  readonly signals: Signals;
  readonly dispatcher: Dispatcher;
  readonly waker: PipelineWaker;
  readonly scheduler: Scheduler;
  readonly batchWaker: BatchWaker;
  readonly gatekeeper: Gatekeeper;
  readonly freedPlaces: FreedPlaces;
  readonly watcher: JobWatcher;
  readonly subscribers: Subscribers;
  /** The keys of callers. */
  readonly keys: KeyRing;
  /** What tenants may use. */
  readonly limits: TenantLimitBook;
  /** How many calls they have made. */
  readonly requestRates: RequestRates;
  readonly outbound: Outbound;
  /** Where files lie. */
  readonly storage: FileStorage;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: EngineSettings;
}

export interface EngineSettings {
  maxInputBytes: number;
  maxOutputBytes: number;
  /** What the URLs of files begin with; undefined: they are relative. */
  publicUrl: string | undefined;
  /** The largest file that may be uploaded. */
  maxUploadBytes: number;
  /** How long uploads are kept that say nothing else; 0: for ever. */
  retentionUploadDays: number;
}

/** Who calls: decides which tenants' jobs can be seen and where new ones belong. */
export interface Caller {
  scope: 'all' | { tenant: string };
  /** Who it is, for the audit log: the prefix of a key, `ADMIN_KEY`, or `local` where no key is asked for. */
  actor: string;
}

export const DEFAULT_TENANT = 'default';
