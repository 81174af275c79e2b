-- Count one request of a key (GCRA): `rate:{key}` is the time up to which its share is used up, in microseconds.
-- ARGV: key, requests a minute. Answers: 0, or the microseconds to wait; then nothing is counted.
local rate, per_minute = P .. 'rate:' .. ARGV[1], tonumber(ARGV[2])
local MINUTE = 60000000
local used_until = math.max(tick, tonumber(redis.call('GET', rate) or 0))
local burst = math.max(1, math.floor(per_minute / 10)) - 1
local wait = used_until - tick - burst * MINUTE / per_minute
if wait > 0 then return math.ceil(wait) end
used_until = used_until + MINUTE / per_minute
redis.call('SET', rate, string.format('%.0f', used_until), 'PX', math.ceil((used_until - tick) / 1000) + 1)
return 0
