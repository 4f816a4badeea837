import { z } from 'zod';

/** What sitemaps and caches take for a URL. */
export const MAX_URL = 2048;

export const webUrlSchema = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .max(8000)
  .refine(hasNoPassword, 'must not contain a user name or password; send an authorization header instead');

/** Origin and path for messages; the query is left out, since it may carry a key. */
export function labelUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

function hasNoPassword(url: string): boolean {
  const parsed = URL.parse(url);
  return !parsed?.username && !parsed?.password;
}
