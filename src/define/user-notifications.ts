export { userSchema } from '../contract/notifications.ts';

/** Keeps messages to users, which `GET /v1/notifications` reads. */
export interface UserNotifications {
  /**
   * Adds a message, once for each job.
   * @returns its id; that of the one before when the job has added it already
   */
  add(notification: NewUserNotification): Promise<{ id: string }>;
}

export interface NewUserNotification {
  tenant: string;
  jobId: string;
  user: string;
  title: string;
  body: string;
  link: string | null;
  data: Record<string, unknown>;
}
