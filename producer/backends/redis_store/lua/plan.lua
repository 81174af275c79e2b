-- Record how many pages will be read and in which units; the first plan counts.
-- ARGV: id, unit, token, pages_total, page_count, unit_pages. Answers: held | cancelled | stale; queue to ring.
local id = ARGV[1]
if not held(id, ARGV[2], ARGV[3]) then return {'stale', ''} end
if field(id, 'cancel_requested') then return {'cancelled', ''} end
if field(id, 'units_total') then return {'held', ''} end
local units = math.ceil(tonumber(ARGV[4]) / tonumber(ARGV[6]))
fly(id, tonumber(ARGV[4]) - 1)
redis.call('HSET', job_key(id), 'pages_total', ARGV[4], 'page_count', ARGV[5], 'unit_pages', ARGV[6], 'units_total', units)
count_now('opened_jobs', 1)
count_now('opened_pages', ARGV[4])
changed(id, field(id, 'owner'))
return {'held', offer(id)}
