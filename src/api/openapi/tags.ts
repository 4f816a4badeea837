interface Tag {
  name: string;
  description: string;
}

/** How operations are grouped, by the first part of their path after `/v1`. */
const tags: Record<string, Tag> = {
  jobs: { name: 'Jobs', description: 'Enqueue, follow, cancel and retry jobs.' },
  'bulk-actions': { name: 'Bulk actions', description: 'Act on all jobs that a filter means.' },
  batches: { name: 'Batches', description: 'Jobs that belong together, and what happens when all have ended.' },
  'dead-letters': { name: 'Dead letters', description: 'Jobs that failed: what went wrong, and what becomes of them.' },
  schedules: { name: 'Schedules', description: 'Jobs that are enqueued by themselves, again and again or once.' },
  webhooks: { name: 'Webhooks', description: 'Who is told of the ends of jobs and batches.' },
  'webhook-deliveries': { name: 'Webhooks', description: 'Who is told of the ends of jobs and batches.' },
  files: { name: 'Files', description: 'Files that jobs have made, and files that were uploaded for them.' },
  notifications: { name: 'Notifications', description: 'Messages to the users of an application.' },
  types: { name: 'Types', description: 'What can be enqueued.' },
  queues: { name: 'Queues', description: 'What waits and runs, and whether it may.' },
  workers: { name: 'Workers', description: 'The processes that run jobs.' },
  'api-keys': { name: 'Keys', description: 'Who may call, and what.' },
  tenants: { name: 'Tenants', description: 'What each tenant may use.' },
  audit: { name: 'Audit', description: 'What operators did.' },
  'ai-usage': { name: 'AI usage', description: 'What AI calls used.' },
};
const program: Tag = { name: 'Program', description: 'How the program fares, and what it says of itself.' };

/** The group of an operation. Paths that are not listed belong to the program as a whole. */
export function tagOf(path: string): Tag {
  const [, first = ''] = /^\/v1\/([^/]+)/.exec(path) ?? [];
  return tags[first] ?? program;
}
