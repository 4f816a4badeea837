import type { Express } from 'express';
import type { Door } from '../door.ts';

/** Puts something for browsers into the app. Not a route: it is for people, and not in the document. */
export type Page = (app: Express, door: Door) => void;

/** A Content-Security-Policy that lets nothing in but what this program serves. */
export function writePolicy(more: Record<string, string>): string {
  const directives = {
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self'",
    'img-src': "'self' data:",
    'connect-src': "'self'",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
    ...more,
  };
  return Object.entries(directives)
    .map(([name, value]) => `${name} ${value}`)
    .join('; ');
}
