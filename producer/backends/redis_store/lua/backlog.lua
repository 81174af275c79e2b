-- The queues that have work ready. Answers: queue, ...
local found = {}
for _, queue in ipairs(redis.call('ZRANGE', QUEUES, 0, -1)) do
  local any = 0
  for _, priority in ipairs(PRIORITIES) do any = any + redis.call('EXISTS', P .. 'ready:' .. queue .. ':' .. priority) end
  if any > 0 then found[#found + 1] = queue else redis.call('ZREM', QUEUES, queue) end
end
return found
