export const HELP_LINES = [
  '',
  '  ↑ ↓  k j          move',
  '  PgUp PgDn         move by ten; Home and End to the ends',
  '  Tab  Shift-Tab    the next list, the one before',
  '  Enter             a job with the end of its log; of a queue its jobs',
  '  p                 pause the queue, or resume it',
  '  r                 run the job again',
  '  c                 cancel the job, after a question',
  '  s                 sort the list by something else',
  '  /                 only what has a text; Enter keeps it, Esc shows all',
  '  q  Ctrl-C         quit',
] as const;
