import type { ExampleWorld } from '../example-world.ts';
import { basicsWorld } from './basics.ts';
import { dataWorld } from './data.ts';
import { filesWorld } from './files.ts';
import { mailWorld } from './mail.ts';
import { pollsWorld } from './polls.ts';
import { videoWorld } from './video.ts';
import { webWorld } from './web.ts';

/** The counterparts of all built-in jobs. What one replaces more narrowly than another comes first. */
export const worlds: readonly ExampleWorld[] = [
  pollsWorld,
  mailWorld,
  filesWorld,
  dataWorld,
  basicsWorld,
  videoWorld,
  webWorld,
];
