-- Remember which page is being read, so that a process that dies of it can be told. ARGV: id, unit, token, page.
-- Answers: held | cancelled | stale; ''.
local id = ARGV[1]
local unit = held(id, ARGV[2], ARGV[3])
if not unit then return {'stale', ''} end
if field(id, 'cancel_requested') then return {'cancelled', ''} end
unit.page = tonumber(ARGV[4])
redis.call('HSET', job_key(id) .. ':units', ARGV[2], cjson.encode(unit))
return {'held', ''}
