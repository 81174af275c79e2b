-- Delete the record of a job and everything that points to it. Leases on it become stale. ARGV: id, a name of this call,
-- under which it may come twice. Answers: missing | done.
local id = ARGV[1]
local job = job_key(id)
if redis.call('EXISTS', job) == 0 then
  redis.call('ZREM', KEEP, id)
  drop_dead(id)
  return redis.call('GET', P .. 'forgotten:' .. id) == ARGV[2] and 'done' or 'missing'
end
unready(id)
recount(id, true)
changed(id, field(id, 'owner'))
redis.call('ZREM', DUE, id)
for _, n in ipairs(redis.call('HKEYS', job .. ':units')) do redis.call('ZREM', DUE, id .. '/' .. n) end
for run = 0, number(id, 'run') do
  local event = 'evt_' .. id .. (run > 0 and '_' .. run or '')
  redis.call('DEL', P .. 'webhook:' .. event)
  redis.call('ZREM', WEBHOOKS, event)
end
redis.call('ZREM', KEEP, id)
drop_dead(id)
delist(id)
if is_open(field(id, 'state')) then land(id) end
-- So that a worker in the middle of it can tell a deleted job from one that was lost with Redis.
redis.call('SET', P .. 'forgotten:' .. id, ARGV[2], 'PX', GRACE_MS)
redis.call('DEL', job, job .. ':units', job .. ':redo', job .. ':pages', job .. ':events')
return 'done'
