-- Every page of the unit is counted; the lease of the unit that is done last becomes the right to finish the job.
-- ARGV: id, unit, token, lease_ms. Answers: held | last | cancelled | stale; queue to ring.
local id, n = ARGV[1], ARGV[2]
local unit = held(id, n, ARGV[3])
if not unit then return {'stale', ''} end
if field(id, 'cancel_requested') then return {'cancelled', ''} end
local job = job_key(id)
-- Not counted again when its holder died while it finished the job.
if not unit.done then redis.call('HINCRBY', job, 'units_done', 1) end
if number(id, 'units_done') < number(id, 'units_total') then
  redis.call('HDEL', job .. ':units', n)
  redis.call('ZREM', DUE, id .. '/' .. n)
  redis.call('HINCRBY', job, 'running', -1)
  return {'held', offer(id)}
end
unit.done, unit.page = true, 0
save_unit(id, n, unit, now + tonumber(ARGV[4]))
return {'last', ''}
