import type { JobResource } from '../contract/job.ts';
import type {
  NewScheduleInput,
  ScheduleEditInput,
  ScheduleResource,
  ScheduleRunResource,
} from '../contract/schedules.ts';
import type { CallOptions, Connection } from './connection.ts';
import { type CreateOptions, formatKey } from './idempotency-key.ts';
import { type PageList, type PageQuery, requestPages } from './pages.ts';

export interface SchedulesQuery extends PageQuery {
  type?: string | undefined;
  /** Without it also those that are paused. */
  enabled?: boolean | undefined;
}

export interface SchedulesClient {
  /**
   * Creates a schedule with one of `cron`, `everyMs` and `runAt`.
   * @throws INVALID_FIELDS, UNKNOWN_TYPE, SCHEDULE_NAME_TAKEN
   */
  create(schedule: NewScheduleInput, call?: CreateOptions): Promise<ScheduleResource>;
  get(id: string, call?: CallOptions): Promise<ScheduleResource>;
  /** Newest first. */
  list(query?: SchedulesQuery, call?: CallOptions): PageList<ScheduleResource>;
  /** @throws SCHEDULE_IN_CODE for anything but `enabled` of a schedule that is defined in code */
  edit(id: string, edit: ScheduleEditInput, call?: CallOptions): Promise<ScheduleResource>;
  /** Nothing is due until `resume`; jobs that run go on. */
  pause(id: string, call?: CallOptions): Promise<ScheduleResource>;
  /** What would have been due in the meantime is not made up for. */
  resume(id: string, call?: CallOptions): Promise<ScheduleResource>;
  /** Enqueues its job now. */
  trigger(id: string, call?: CreateOptions): Promise<JobResource>;
  /** Removes it with its history; its jobs stay. @throws SCHEDULE_IN_CODE */
  delete(id: string, call?: CallOptions): Promise<void>;
  /** What became of its due times, newest first. */
  runs(id: string, query?: PageQuery, call?: CallOptions): PageList<ScheduleRunResource>;
}

export function createSchedulesClient(connection: Connection): SchedulesClient {
  const path = '/v1/schedules';
  const pathOf = (id: string) => `${path}/${encodeURIComponent(id)}`;
  const edit = (id: string, body: ScheduleEditInput, call: CallOptions = {}) =>
    connection.requestJson<ScheduleResource>(pathOf(id), { ...call, method: 'PATCH', body });
  return {
    create: (schedule, { idempotencyKey, ...call } = {}) =>
      connection.requestJson(path, { ...call, method: 'POST', body: schedule, headers: formatKey({ idempotencyKey }) }),
    get: (id, call = {}) => connection.requestJson(pathOf(id), call),
    list: (query, call) => requestPages(connection, path, { ...query }, call),
    edit,
    pause: (id, call) => edit(id, { enabled: false }, call),
    resume: (id, call) => edit(id, { enabled: true }, call),
    trigger: (id, { idempotencyKey, ...call } = {}) =>
      connection.requestJson(`${pathOf(id)}/trigger`, {
        ...call,
        method: 'POST',
        headers: formatKey({ idempotencyKey }),
      }),
    async delete(id, call = {}) {
      await connection.openStream(pathOf(id), { ...call, method: 'DELETE' });
    },
    runs: (id, query, call) => requestPages(connection, `${pathOf(id)}/runs`, { ...query }, call),
  };
}
