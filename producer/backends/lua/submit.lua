-- Resolve the idempotency key and create the job, at once. KEYS[7] = idempotency key or the job key itself for none.
-- ARGV: id, fingerprint ('' for no key), ttl_ms, retention_ms, first_look_ms, field, value, ...
-- Answers: created | existing | mismatch, job id.
local id, fingerprint = ARGV[1], ARGV[2]
if fingerprint ~= '' then
  local seen = redis.call('HMGET', KEYS[7], 'id', 'fingerprint', 'job_key')
  if seen[1] and redis.call('EXISTS', seen[3]) == 1 then
    return {seen[2] == fingerprint and 'existing' or 'mismatch', seen[1]}
  end
end
local ttl, retention = tonumber(ARGV[3]), tonumber(ARGV[4])
local keep = now + ttl + retention
redis.call('HSET', JOB, 'state', 'queued', 'created_ms', now, 'expires_ms', now + ttl, 'retention_ms', retention,
  'keep_until_ms', keep, 'attempts', 0, 'published', 0, 'pages_done', 0, 'pages_failed', 0, unpack(ARGV, 6))
emit('job.queued', '{}')
redis.call('ZADD', OPEN, now + tonumber(ARGV[5]), id)
keep_until(keep)
if fingerprint ~= '' then
  redis.call('HSET', KEYS[7], 'id', id, 'fingerprint', fingerprint, 'job_key', JOB)
  redis.call('PEXPIREAT', KEYS[7], keep)
end
return {'created', id}
