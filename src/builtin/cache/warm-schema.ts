import { z } from 'zod';
import { headersSchema } from '../http-request-schema.ts';
import { MAX_URL, webUrlSchema } from '../web-url.ts';

const MAX_URLS = 50_000;
const MIB = 1024 ** 2;

const patternsSchema = z.array(z.string().min(1).max(500)).max(20).default([]);
const pageUrlSchema = webUrlSchema.refine((url) => url.length <= MAX_URL, `must have at most ${MAX_URL} characters`);

export const warmInputSchema = z
  .strictObject({
    urls: z.array(pageUrlSchema).max(MAX_URLS).default([]),
    sitemaps: z
      .array(pageUrlSchema)
      .max(100)
      .default([])
      .meta({ description: 'Sitemaps and indexes of sitemaps (XML), also gzipped.' }),
    include: patternsSchema.meta({
      description: 'Of the sitemaps, only URLs that fit one of these; "*" stands for any characters.',
    }),
    exclude: patternsSchema.meta({ description: 'Of the sitemaps, no URLs that fit one of these.' }),
    sameHostOnly: z
      .boolean()
      .default(true)
      .meta({ description: 'Whether a sitemap may name only URLs and sitemaps of its own host.' }),
    maxUrls: z.int().min(1).max(MAX_URLS).default(10_000).meta({ description: 'Further ones are left out.' }),
    method: z.enum(['GET', 'HEAD']).default('GET'),
    headers: headersSchema
      .default({})
      .meta({ description: 'Sent to every URL, also to those that sitemaps name; not for sitemaps and robots.txt.' }),
    userAgent: z
      .string()
      .regex(/^[\x21-\x7e][\x20-\x7e]{0,198}$/, 'must be ASCII text of at most 199 characters')
      .default('longshore-cache-warmer')
      .meta({ description: 'Its part before the first "/" is what robots.txt may name.' }),
    respectRobots: z.boolean().default(true).meta({
      description:
        'Whether robots.txt decides which URLs are fetched, and how fast; where a redirect leads is not asked again.',
    }),
    concurrencyPerHost: z.int().min(1).max(16).default(2),
    delayMs: z.int().min(0).max(60_000).default(0).meta({
      description:
        'Between the starts of two requests to one host; the Crawl-delay of robots.txt where that is longer.',
    }),
    timeoutMs: z.int().min(1).max(600_000).default(30_000).meta({ description: 'For one URL, to its last byte.' }),
    maxBytes: z
      .int()
      .min(0)
      .max(1024 * MIB)
      .default(50 * MIB)
      .meta({ description: 'What one answer may have; it is read and dropped.' }),
    maxFailureShare: z.number().min(0).max(1).default(0.5).meta({
      description: 'The job fails when a greater share of its URLs did. Its next attempt tries those alone.',
    }),
  })
  .refine(({ urls, sitemaps }) => urls.length + sitemaps.length > 0, {
    path: ['urls'],
    message: 'must hold a URL, or sitemaps must',
  });
export type WarmInput = z.output<typeof warmInputSchema>;

/** A line of the file of results. */
export const urlResultSchema = z.object({
  url: z.string(),
  status: z.int().nullable(),
  ms: z.int(),
  bytes: z.int(),
  cache: z.object({
    state: z.enum(['hit', 'miss']).nullable(),
    cacheControl: z.string().nullable(),
    age: z.int().nullable(),
    etag: z.string().nullable(),
    headers: z.record(z.string(), z.string()),
  }),
  skipped: z.literal('robots.txt').optional(),
  error: z.string().optional(),
});
export type UrlResult = z.infer<typeof urlResultSchema>;

export const warmOutputSchema = z.object({
  urls: z.int(),
  warmed: z.int(),
  failed: z.int(),
  skipped: z.int().meta({ description: 'Left alone, as robots.txt asks.' }),
  bytes: z.int().meta({ description: 'After content decoding.' }),
  cache: z
    .object({ hits: z.int(), misses: z.int(), unknown: z.int() })
    .meta({ description: 'What the caches said of the URLs that were warmed.' }),
  statuses: z.record(z.string(), z.int()),
  slowest: z.array(z.object({ url: z.string(), ms: z.int() })),
  failures: z
    .array(z.object({ url: z.string(), status: z.int().nullable(), error: z.string() }))
    .meta({ description: 'The first 100.' }),
  results: z
    .object({ key: z.string(), url: z.string(), bytes: z.int() })
    .meta({ description: 'A file with the result of every URL, as JSON Lines.' }),
  sitemaps: z.object({
    read: z.int(),
    failures: z.array(z.object({ url: z.string(), error: z.string() })).meta({ description: 'The first 20.' }),
    ignored: z.int().meta({ description: 'Entries of other hosts, and what is no URL.' }),
    isTruncated: z.boolean().meta({ description: 'Whether maxUrls left some out.' }),
  }),
});
export type WarmOutput = z.infer<typeof warmOutputSchema>;
