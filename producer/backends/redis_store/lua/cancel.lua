-- Stop a waiting job now; ask the holders of a running one to stop. ARGV: id. Answers: missing | done | requested.
local id = ARGV[1]
local state = field(id, 'state')
if not state then return 'missing' end
if not is_open(state) then return 'done' end
if number(id, 'running') > 0 then
  redis.call('HSET', job_key(id), 'cancel_requested', now)
  unready(id)
  recount(id)
  return 'requested'
end
finish_cancelled(id)
return 'done'
