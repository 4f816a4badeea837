import type { DeliveryResource, DeliveryStatus, SubscriptionResource } from '../contract/webhooks.ts';
import { formatAge } from './format.ts';
import type { Column } from './table.ts';
import { type Colors, cleanLine } from './terminal.ts';

export function createSubscriptionColumns(colors: Colors, nowMs: number): Column<SubscriptionResource>[] {
  return [
    { title: 'ID', cell: (each) => each.id },
    { title: 'STATE', cell: (each) => (each.disabledAt === null ? colors.green('on') : colors.yellow('off')) },
    { title: 'TENANT', cell: (each) => cleanLine(each.tenant), dropOrder: 3 },
    { title: 'URL', cell: (each) => cleanLine(each.url), minWidth: 24 },
    { title: 'EVENTS', cell: (each) => each.events.join(' '), minWidth: 14, dropOrder: 2 },
    { title: 'TYPES', cell: (each) => cleanLine(each.types?.join(' ') ?? 'all'), minWidth: 8, dropOrder: 1 },
    { title: 'CREATED', cell: (each) => formatAge(each.createdAt, nowMs), align: 'right', dropOrder: 4 },
    { title: 'DESCRIPTION', cell: (each) => cleanLine(each.description), minWidth: 12, dropOrder: 5 },
  ];
}

const statusColors = {
  pending: 'blue',
  delivered: 'green',
  failed: 'red',
  disabled: 'gray',
} as const satisfies Record<DeliveryStatus, keyof Colors>;

export function createDeliveryColumns(colors: Colors, nowMs: number): Column<DeliveryResource>[] {
  return [
    { title: 'ID', cell: (each) => each.id },
    { title: 'STATUS', cell: (each) => colors[statusColors[each.status] ?? 'reset'](each.status) },
    { title: 'EVENT', cell: (each) => each.event, dropOrder: 2 },
    { title: 'TRIES', cell: (each) => String(each.tries), align: 'right', dropOrder: 3 },
    {
      title: 'NEXT',
      cell: ({ nextTryAt }) => (nextTryAt ? formatAge(nextTryAt, nowMs) : ''),
      align: 'right',
      dropOrder: 4,
    },
    { title: 'URL', cell: (each) => cleanLine(each.url), minWidth: 20 },
    { title: 'ERROR', cell: (each) => colors.red(cleanLine(each.lastError ?? '')), minWidth: 16, dropOrder: 1 },
  ];
}
