-- Record an attempt's outcome. ARGV: id, state (delivered | pending | given_up), delay_ms, status code or '', error or ''.
if redis.call('EXISTS', WEBHOOK) == 0 then return redis.call('ZREM', DUE, ARGV[1]) end
local at = now + tonumber(ARGV[3])
redis.call('HSET', WEBHOOK, 'state', ARGV[2], 'claimed_until_ms', at, 'last_status', ARGV[4], 'last_error', ARGV[5], 'last_ms', now)
if ARGV[2] == 'pending' then redis.call('ZADD', DUE, at, ARGV[1]) else redis.call('ZREM', DUE, ARGV[1]) end
return 1
