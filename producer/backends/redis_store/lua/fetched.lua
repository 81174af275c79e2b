-- The document is stored: give the unit back to be done where its device listens. ARGV: id, unit, token, source JSON, queue.
-- Answers: held | cancelled | stale; queue to ring.
local id, n = ARGV[1], ARGV[2]
local unit = held(id, n, ARGV[3])
if not unit then return {'stale', ''} end
if field(id, 'cancel_requested') then return {'cancelled', ''} end
recount(id, true) -- from the line of those who fetch to that of its device
redis.call('HSET', job_key(id), 'source', ARGV[4], 'queue', ARGV[5])
-- It waits for its device as if it had been sent.
become(id, 'queued')
redis.call('HDEL', job_key(id), 'device', 'started_ms')
redis.call('HSET', job_key(id), 'attempts', number(id, 'attempts') - 1, 'expires_ms', now + number(id, 'ttl_ms'))
redis.call('ZADD', DUE, now + number(id, 'ttl_ms'), id)
changed(id, field(id, 'owner'))
unit.waits = 0
return {'held', put_back(id, n, unit, 0)}
