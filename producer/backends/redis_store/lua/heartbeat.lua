-- Renew the lease. ARGV: id, unit, token, lease_ms. Answers: held | cancelled | stale; ''.
if not held(ARGV[1], ARGV[2], ARGV[3]) then return {'stale', ''} end
redis.call('ZADD', DUE, now + tonumber(ARGV[4]), ARGV[1] .. '/' .. ARGV[2])
return {field(ARGV[1], 'cancel_requested') and 'cancelled' or 'held', ''}
