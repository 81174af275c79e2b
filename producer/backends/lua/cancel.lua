-- Stop a waiting job now; ask the holder of a running one to stop. ARGV: id. Answers: missing | done | requested.
local state = field('state')
if not state then return 'missing' end
if state == 'running' then
  redis.call('HSET', JOB, 'cancel_requested', now)
  return 'requested'
end
if state == 'queued' then
  finish(ARGV[1], 'cancelled', cjson.encode({code = 'cancelled', message = 'The job was cancelled.', retryable = false}), '{}')
end
return 'done'
