-- Give the unit back because reading a page failed in a way that may have harmed this process; counted against the page, which
-- is 0 outside of any, and then against the unit, too. ARGV: id, unit, token, page, code, message, delay_ms.
-- Answers: held | stale; queue to ring.
local id, n = ARGV[1], ARGV[2]
local unit = held(id, n, ARGV[3])
if not unit then return {'stale', ''} end
if ARGV[4] == '0' then unit.deaths = unit.deaths + 1 end
count_crash(id, ARGV[4], ARGV[5], ARGV[6])
redis.call('HINCRBY', job_key(id), 'attempts', 1)
return {'held', put_back(id, n, unit, tonumber(ARGV[7]))}
