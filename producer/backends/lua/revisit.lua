-- Look again at an open job that is due: its message may be lost, or its worker dead. ARGV: id, interval_ms.
-- Waiting jobs are published again at doubling intervals, at most hourly, so that a long backlog is not flooded.
-- Answers: publish, requested device, priority | nothing.
local id, state = ARGV[1], field('state')
if not state or not is_open(state) then
  redis.call('ZREM', OPEN, id)
  return {'nothing'}
end
if tonumber(redis.call('ZSCORE', OPEN, id) or now) > now then return {'nothing'} end
if state == 'queued' and tonumber(field('expires_ms')) <= now then
  finish(id, 'expired', cjson.encode({code = 'expired', message = 'No worker took the job within its ttl_s; submit it again.',
    retryable = true}), '{}')
  return {'nothing'}
end
local times = state == 'queued' and redis.call('HINCRBY', JOB, 'published', 1) or 1
redis.call('ZADD', OPEN, now + math.min(tonumber(ARGV[2]) * 2 ^ math.min(times - 1, 20), 3600000), id)
return {'publish', field('requested_device'), field('priority')}
