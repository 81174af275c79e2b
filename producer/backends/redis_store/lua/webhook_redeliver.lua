-- Deliver again, now, from the first attempt on. ARGV: event id. Answers: missing | pending.
local row = P .. 'webhook:' .. ARGV[1]
if redis.call('EXISTS', row) == 0 then return 'missing' end
if redis.call('HGET', row, 'state') == 'superseded' then return 'superseded' end
redis.call('HSET', row, 'state', 'pending', 'attempts', 0, 'claimed_until_ms', 0)
redis.call('DEL', P .. 'gone:' .. redis.sha1hex(redis.call('HGET', row, 'url')))
redis.call('ZADD', WEBHOOKS, now, ARGV[1])
return 'pending'
