import type { JobResource } from '../contract/job.ts';
import type { Page } from '../contract/list.ts';
import type {
  NewScheduleInput,
  ScheduleEditInput,
  ScheduleResource,
  ScheduleRunResource,
} from '../contract/schedules.ts';
import type { Connection } from './connection.ts';
import { type CreateOptions, formatKey } from './idempotency-key.ts';
import { iteratePages, type PageQuery } from './pages.ts';

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
  get(id: string): Promise<ScheduleResource>;
  /** One page, newest first. */
  list(query?: SchedulesQuery): Promise<Page<ScheduleResource>>;
  /** Every schedule that matches, page by page. */
  listAll(query?: SchedulesQuery): AsyncGenerator<ScheduleResource, void, undefined>;
  /** @throws SCHEDULE_IN_CODE for anything but `enabled` of a schedule that is defined in code */
  edit(id: string, edit: ScheduleEditInput): Promise<ScheduleResource>;
  /** Nothing is due until `resume`; jobs that run go on. */
  pause(id: string): Promise<ScheduleResource>;
  /** What would have been due in the meantime is not made up for. */
  resume(id: string): Promise<ScheduleResource>;
  /** Enqueues its job now. */
  trigger(id: string, call?: CreateOptions): Promise<JobResource>;
  /** Removes it with its history; its jobs stay. @throws SCHEDULE_IN_CODE */
  delete(id: string): Promise<void>;
  /** What became of its due times, newest first. */
  runs(id: string, query?: PageQuery): Promise<Page<ScheduleRunResource>>;
}

export function createSchedulesClient(connection: Connection): SchedulesClient {
  const path = '/v1/schedules';
  const pathOf = (id: string) => `${path}/${encodeURIComponent(id)}`;
  const edit = (id: string, body: ScheduleEditInput) =>
    connection.requestJson<ScheduleResource>(pathOf(id), { method: 'PATCH', body });
  const list = (query: SchedulesQuery = {}) =>
    connection.requestJson<Page<ScheduleResource>>(path, { query: { ...query } });
  return {
    create: (schedule, call = {}) =>
      connection.requestJson(path, { method: 'POST', body: schedule, headers: formatKey(call), signal: call.signal }),
    get: (id) => connection.requestJson(pathOf(id)),
    list,
    listAll: (query = {}) => iteratePages((cursor) => list({ ...query, cursor }), query.cursor),
    edit,
    pause: (id) => edit(id, { enabled: false }),
    resume: (id) => edit(id, { enabled: true }),
    trigger: (id, call = {}) =>
      connection.requestJson(`${pathOf(id)}/trigger`, {
        method: 'POST',
        headers: formatKey(call),
        signal: call.signal,
      }),
    async delete(id) {
      await connection.openStream(pathOf(id), { method: 'DELETE' });
    },
    runs: (id, query = {}) => connection.requestJson(`${pathOf(id)}/runs`, { query: { ...query } }),
  };
}
