/** The statuses of a job that has ended, as a list in SQL. The conditions of partial indexes name them like this. */
export const TERMINAL = `('completed', 'failed', 'cancelled', 'expired')`;
