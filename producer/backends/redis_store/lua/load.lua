-- The work there is, and what came of it in the last hour. ARGV: minutes.
-- Answers: now in ms; load: name, number, ...; waiting: queue, priority, ms, ...; minutes: number, {name, number, ...}, ...
local OWNERS = 100 -- those served longest ago have waited longest: the others need not be looked at
if redis.call('ZCARD', DUE) == 0 then redis.call('DEL', LOAD) end -- no job is open: whatever is left there is an error

local function waited_ms(queue, priority)
  local ready, oldest = P .. 'ready:' .. queue .. ':' .. priority, nil
  for _, owner in ipairs(redis.call('ZRANGE', ready, 0, OWNERS - 1)) do
    local head = redis.call('ZRANGE', ready .. ':' .. owner, 0, 0, 'WITHSCORES')
    if head[2] and (not oldest or tonumber(head[2]) < oldest) then oldest = tonumber(head[2]) end
  end
  return oldest and string.format('%.0f', math.max(0, tick - oldest) / 1000)
end

local waiting, minutes = {}, {}
for _, queue in ipairs(redis.call('ZRANGE', QUEUES, 0, -1)) do
  for _, priority in ipairs(PRIORITIES) do
    local waited = waited_ms(queue, priority)
    if waited then
      for _, part in ipairs({queue, priority, waited}) do waiting[#waiting + 1] = part end
    end
  end
end
local this = math.floor(now / MINUTE_MS)
for minute = this - tonumber(ARGV[1]) + 1, this do
  local row = redis.call('HGETALL', P .. 'minute:' .. string.format('%.0f', minute))
  if #row > 0 then
    minutes[#minutes + 1] = string.format('%.0f', minute)
    minutes[#minutes + 1] = row
  end
end
return {string.format('%.0f', now), redis.call('HGETALL', LOAD), waiting, minutes}
