-- Look again at what is due. ARGV: job, or job/unit. Answers the queue to ring, or ''.
--   job       nobody worked on it for its ttl: expired
--   job/unit  its worker is dead (the lease ran out: counted), or its delay is over
local id, n = string.match(ARGV[1], '^([^/]+)/?(.*)$')
local state = field(id, 'state')
if not state or not is_open(state) then
  redis.call('ZREM', DUE, ARGV[1])
  return ''
end
if tonumber(redis.call('ZSCORE', DUE, ARGV[1]) or now + 1) > now then return '' end
if n == '' then
  if number(id, 'running') > 0 then -- it is being read: look again when that is surely over
    redis.call('ZADD', DUE, now + 60000, id)
    return ''
  end
  finish(id, 'expired', problem('expired', 'The job was not done within its ttl_s; submit it again.', true), '{}')
  return ''
end
local unit = unit_of(id, n)
if not unit then
  redis.call('ZREM', DUE, ARGV[1])
  return ''
end
if not unit.token then -- it was given back with a delay
  redis.call('ZREM', DUE, ARGV[1])
  return redo(id, n, unit)
end
if unit.page > 0 then
  count_crash(id, unit.page, 'engine_crashed', 'the process that read the page died')
else
  unit.deaths = unit.deaths + 1
end
redis.call('HINCRBY', job_key(id), 'attempts', 1)
return put_back(id, n, unit, 0)
