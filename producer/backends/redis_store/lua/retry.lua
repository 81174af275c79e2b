-- Run an ended job again: the pages that failed, or all that have no result. ARGV: id, a name of this call, under which it
-- may come twice. Answers: missing | open | succeeded | expired | queued, queue to ring.
local id = ARGV[1]
local job, state = job_key(id), field(id, 'state')
if not state then return {'missing', ''} end
if field(id, 'retried_by') == ARGV[2] then return {'queued', field(id, 'queue')} end
if is_open(state) then return {'open', ''} end
if state == 'succeeded' then return {'succeeded', ''} end
if number(id, 'keep_until_ms') <= now then return {'expired', ''} end
local keep = now + number(id, 'ttl_ms') + number(id, 'retention_ms')
local pages = redis.call('HGETALL', job .. ':pages')
for at = 1, #pages, 2 do
  if pages[at + 1] ~= '' then redis.call('HDEL', job .. ':pages', pages[at]) end
end
-- A delivery that was never tried speaks of an end that is none; one that was tried keeps its body.
local event = 'evt_' .. id .. (number(id, 'run') > 0 and '_' .. number(id, 'run') or '')
local row = P .. 'webhook:' .. event
if redis.call('HGET', row, 'attempts') == '0' then
  redis.call('HSET', row, 'state', 'superseded')
  redis.call('ZREM', WEBHOOKS, event)
end
redis.call('HDEL', job, 'finished_ms', 'started_ms', 'error', 'outputs', 'pages_total', 'units_total', 'next_unit', 'units_done')
redis.call('HSET', job, 'expires_ms', now + number(id, 'ttl_ms'), 'keep_until_ms', keep, 'pages_failed', 0, 'retried_by', ARGV[2])
become(id, 'queued')
fly(id, 1)
redis.call('HINCRBY', job, 'run', 1)
keep_until(id, keep)
redis.call('ZADD', KEEP, keep, id)
redis.call('ZADD', DUE, now + number(id, 'ttl_ms'), id)
drop_dead(id)
emit(id, 'job.queued', '{}')
return {'queued', offer(id)}
