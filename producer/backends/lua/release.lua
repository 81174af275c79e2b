-- Give the job back so that it is looked at again after delay_ms; the attempt does not count. ARGV: id, token, delay_ms.
-- Answers: held | stale.
if not holds(ARGV[2]) then return 'stale' end
redis.call('HSET', JOB, 'state', 'queued')
redis.call('HINCRBY', JOB, 'attempts', -1)
redis.call('HDEL', JOB, 'lease_until_ms', 'token')
redis.call('ZADD', OPEN, now + tonumber(ARGV[3]), ARGV[1])
return 'held'
