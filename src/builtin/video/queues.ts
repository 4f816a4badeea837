import { defineQueue } from '../../define/queue.ts';

/** Scripts and pipelines: they wait more than they work. */
export const videoQueue = defineQueue({ name: 'video' });

/** What keeps a processor busy has a queue of its own, so that small jobs do not wait behind it. */
export const renderQueue = defineQueue({ name: 'video-render', concurrency: 2 });
