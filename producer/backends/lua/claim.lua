-- Take the job with a lease; attempts are counted here, so work that kills its process ends.
-- ARGV: id, holder, device, lease_ms, max_attempts.
-- Answers: claimed + token | busy | finished | missing | cancelled | exhausted.
local id, state = ARGV[1], field('state')
if not state then return {'missing'} end
if not is_open(state) then return {'finished'} end
if state == 'running' and tonumber(field('lease_until_ms')) > now then return {'busy'} end
if field('cancel_requested') then
  finish(id, 'cancelled', cjson.encode({code = 'cancelled', message = 'The job was cancelled.', retryable = false}), '{}')
  return {'cancelled'}
end
if tonumber(field('attempts')) >= tonumber(ARGV[5]) then
  finish(id, 'failed', cjson.encode({code = 'engine_crashed', retryable = true,
    message = 'The worker died ' .. field('attempts') .. ' times on this document; retry it, or send it page by page.'}), '{}')
  return {'exhausted'}
end
local attempt = redis.call('HINCRBY', JOB, 'attempts', 1)
local token = redis.call('HINCRBY', JOB, 'tokens', 1) -- never goes back, as attempts may
local lease = now + tonumber(ARGV[4])
redis.call('HSET', JOB, 'state', 'running', 'token', token, 'lease_until_ms', lease, 'holder', ARGV[2], 'device', ARGV[3])
redis.call('HSETNX', JOB, 'started_ms', now)
redis.call('ZADD', OPEN, lease, id)
emit('job.started', cjson.encode({device = ARGV[3], attempt = attempt}))
return {'claimed', tostring(token)}
