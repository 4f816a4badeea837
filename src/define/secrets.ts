// For jobs, which import from `define` alone.
export { hideSecrets } from '../shared/hide-secrets.ts';
