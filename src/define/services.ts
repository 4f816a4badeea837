/**
 * What handlers may use besides their input, as `ctx.services`. Add your own with
 * `declare module 'longshore' { interface Services { mailer: Mailer } }` and a `services.ts` in JOBS_DIR.
 */
export interface Services {
  /** `fetch` that refuses private addresses as OUTBOUND_ALLOW_PRIVATE and OUTBOUND_ALLOW say. */
  fetch: OutboundFetch;
  /** An absolute path; files that jobs keep go below it. */
  storageDir: string;
}

/** @throws an AppError ADDRESS_REFUSED when the address, also after DNS or a redirect, is not allowed */
export type OutboundFetch = (url: string | URL, init?: OutboundInit) => Promise<Response>;

export interface OutboundInit {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  signal?: AbortSignal;
  /** Default `follow`; every hop is checked again. */
  redirect?: 'follow' | 'manual' | 'error';
}
