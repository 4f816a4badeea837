/** What a thread of the pool runs. */
import { type MessagePort, parentPort, threadId } from 'node:worker_threads';
import { resolveOwnPackage } from '../../define/own-package.ts';
import { watchFaults } from './guest-faults.ts';
import { type OpenRun, serveRun } from './guest-run.ts';
import { GuestServices } from './guest-services.ts';
import { lowerPriority } from './lower-priority.ts';
import { GuestLogger } from './program-lines.ts';
import type { HostMessage } from './protocol.ts';

const log = new GuestLogger((line) => parentPort?.postMessage(line));
const services = new GuestServices(log);
let open: OpenRun | undefined;

lowerPriority('thread');
resolveOwnPackage();
watchFaults({ getRun: () => open, log, end: () => process.exit(1) });

export interface ThreadTask {
  /** To the host, for this run alone. */
  port: MessagePort;
  /** Shared: takes the id of this thread. */
  place: Int32Array;
}

export async function runHandlerInThread({ port, place }: ThreadTask): Promise<void> {
  place[0] = threadId;
  await serveRun(
    {
      send: (message) => port.postMessage(message),
      listen: (hear) => port.on('message', (message: HostMessage) => hear(message)),
    },
    services,
    (run) => {
      open = run;
    },
  );
  open = undefined;
}
