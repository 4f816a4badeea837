import { z } from 'zod';
import { bulkFilterSchema } from '../contract/filter.ts';
import type { QueryDefinition } from '../define/query.ts';
import { collectionSchema } from '../define/records.ts';
import { createParameters, matchJobs } from './job-filter.ts';

const recordParameters = z.strictObject({
  collection: collectionSchema,
  includeDeleted: z.boolean().default(false),
});

/** The jobs of the caller's tenant, newest first, with the columns of the API. */
const jobs: QueryDefinition = {
  kind: 'longshore.query',
  name: 'jobs',
  description: 'The jobs of the tenant, newest first. Parameters: the filter of GET /v1/jobs.',
  parametersSchema: bulkFilterSchema,
  database: 'own',
  build(parameters, { tenant }) {
    const { values, bind } = createParameters();
    const condition = matchJobs({ tenant }, parameters as z.output<typeof bulkFilterSchema>, bind);
    return {
      sql: `
        select j.id, j.type, j.queue, j.tenant, j.status, j.reason, j.priority, j.tags, j.metadata, j.input, j.output, j.error,
          j.progress_percent as "progressPercent", j.attempt, j.max_attempts as "maxAttempts", j.parent_id as "parentId",
          j.created_at as "createdAt", j.run_at as "runAt", j.started_at as "startedAt", j.finished_at as "finishedAt"
        from longshore.jobs as j
        where ${condition}
        order by j.id desc`,
      values,
    };
  },
};

/** In the order of the primary key: the database sorts where reading that is dearer. */
const records: QueryDefinition = {
  kind: 'longshore.query',
  name: 'records',
  description: 'The records of a collection of the tenant, by their ids.',
  parametersSchema: recordParameters,
  database: 'own',
  build(parameters, { tenant }) {
    const { collection, includeDeleted } = parameters as z.output<typeof recordParameters>;
    return {
      sql: `
        select r.id, r.data, r.created_at as "createdAt", r.updated_at as "updatedAt", r.deleted_at as "deletedAt",
          r.snapshot_id as "snapshotId"
        from longshore.records as r
        where r.tenant = $1 and r.collection = $2 and ($3 or r.deleted_at is null)
        order by r.tenant, r.collection, r.id`,
      values: [tenant, collection, includeDeleted],
    };
  },
};

export const builtinQueries: readonly QueryDefinition[] = [jobs, records];
