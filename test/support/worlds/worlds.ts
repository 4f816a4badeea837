import type { ExampleWorld } from '../example-world.ts';
import { basicsWorld } from './basics.ts';
import { videoWorld } from './video.ts';

/** The counterparts of all built-in jobs. */
export const worlds: readonly ExampleWorld[] = [basicsWorld, videoWorld];
