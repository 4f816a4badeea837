import type { UserNotifications } from '../define/user-notifications.ts';
import { createId } from '../shared/ids.ts';
import type { Store } from '../store/store.ts';

export function createUserNotifications(getStore: () => Promise<Store>): UserNotifications {
  return {
    async add(notification) {
      const { userNotifications } = await getStore();
      return { id: await userNotifications.insert({ ...notification, id: createId() }) };
    },
  };
}
