-- Renew the lease. ARGV: id, token, lease_ms. Answers: held | cancelled | stale.
if not holds(ARGV[2]) then return 'stale' end
local lease = now + tonumber(ARGV[3])
redis.call('HSET', JOB, 'lease_until_ms', lease)
redis.call('ZADD', OPEN, lease, ARGV[1])
return field('cancel_requested') and 'cancelled' or 'held'
