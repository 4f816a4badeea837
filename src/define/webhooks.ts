// For jobs, which import from `define` alone.
export { signWebhook } from '../shared/webhook-signature.ts';
