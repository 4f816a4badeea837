/**
 * Counts starts in the windows of their keys, in the statement that makes them: a common table expression over `started`.
 * @param started the name of a table expression with `queue`, `tenant` and `"concurrencyKey"` of jobs that started
 * @param windows a table expression that joins to it and gives `window_ms`, null where starts are not counted
 */
export function countStarts(started: string, windows: string): string {
  return `counted as (
    insert into longshore.rate_windows as w (queue, tenant, concurrency_key, ends_at, count)
    select s.queue, s.tenant, s."concurrencyKey", now() + max(window_ms) * interval '1 millisecond', count(*)
    from ${started} s
    ${windows}
    where s."concurrencyKey" is not null and window_ms is not null
    group by 1, 2, 3
    order by 1, 2, 3
    on conflict (queue, tenant, concurrency_key) do update
    set count = excluded.count + case when w.ends_at > now() then w.count else 0 end,
      ends_at = case when w.ends_at > now() then w.ends_at else excluded.ends_at end
  )`;
}
