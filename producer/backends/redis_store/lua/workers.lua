-- The workers that were heard of. Answers: report JSON, milliseconds since the epoch, ...
local found = {}
local seen = redis.call('ZRANGE', WORKERS, 0, -1, 'WITHSCORES')
for at = 1, #seen, 2 do
  local report = redis.call('GET', P .. 'worker:' .. seen[at])
  if report then
    found[#found + 1] = report
    found[#found + 1] = seen[at + 1]
  else
    redis.call('ZREM', WORKERS, seen[at])
  end
end
return found
