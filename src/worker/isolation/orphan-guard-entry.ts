/** A thread of a child process: ends the process when its worker is gone, also when a handler blocks its event loop. */
const INTERVAL_MS = 1000;
const parent = process.ppid;

// An orphan gets another parent. Windows keeps the number: there only a handler that does not block notices.
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
}, INTERVAL_MS);
