/** Without zod, so that the client, which runs in browsers, loads no more than this. */
export const LINES_MEDIA_TYPE = 'application/x-ndjson';
