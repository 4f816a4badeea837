import { resolveOwnPackage } from '../../define/own-package.ts';
import { endsWithin } from '../../shared/time.ts';
import { watchFaults } from './guest-faults.ts';
import { type OpenRun, serveRun } from './guest-run.ts';
import { GuestServices } from './guest-services.ts';
import { lowerPriority } from './lower-priority.ts';
import { GuestLogger } from './program-lines.ts';
import type { GuestMessage, HostMessage, ProgramLine } from './protocol.ts';

const CLOSE_LIMIT_MS = 2000;

/** Runs the one handler that the worker sends. @returns when the worker has its end, and all connections are closed */
export async function runHandlerInProcess(): Promise<void> {
  let sent: Promise<void> = Promise.resolve();
  const send = (message: GuestMessage | ProgramLine) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    process.send?.(message, undefined, undefined, () => resolve());
    sent = promise;
  };
  const log = new GuestLogger(send);
  const services = new GuestServices(log);
  let open: OpenRun | undefined;
  lowerPriority('process');
  resolveOwnPackage();
  watchFaults({ getRun: () => open, log, end: () => void sent.then(() => process.exit(1)) });
  const listen = (hear: (message: HostMessage) => void) => {
    process.on('message', (message) => hear(message as HostMessage));
  };
  await serveRun({ send, listen }, services, (run) => {
    open = run;
  });
  open = undefined;
  await sent;
  await endsWithin(services.close(), CLOSE_LIMIT_MS);
  await sent; // what closing had to say
}
