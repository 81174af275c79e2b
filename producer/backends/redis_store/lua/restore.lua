-- Put back the record of a job that had ended, unless there is one. ARGV: id, retention_ms, field, value, ...
-- Answers: restored | exists.
local id, retention = ARGV[1], tonumber(ARGV[2])
if redis.call('EXISTS', job_key(id)) == 1 then return 'exists' end
redis.call('HSET', job_key(id), 'retention_ms', retention, 'keep_until_ms', now + retention, unpack(ARGV, 3))
keep_until(id, now + retention)
redis.call('ZADD', KEEP, now + retention, id)
return 'restored'
