-- Put back the record of a job that was lost: an ended one as it was, another one to be run.
-- ARGV: id, owner, idempotency key or '', fingerprint, wait_ms, keep_ms, 1 for a dead letter, 1 if it has ended, pages as JSON,
-- field, value, ... Answers: existing | created; id of the job that is there; queue to ring.
local id, owner, idem, fingerprint = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local keep, ended = now + tonumber(ARGV[6]), ARGV[8] == '1'
local idem_key = P .. 'idempotency:' .. owner .. ':' .. idem
if redis.call('EXISTS', job_key(id), P .. 'forgotten:' .. id) > 0 then return {'existing', id, ''} end
if idem ~= '' then
  -- The key leads to a job that has ended before one that has not, then to the newest: who repeats is answered the last time.
  local other = string.sub(redis.call('GET', idem_key) or '', 1, 32)
  local other_state, is_newer = field(other, 'state'), other < id
  local other_ended = other_state and not is_open(other_state)
  if other_ended and not ended and not is_newer then return {'existing', other, ''} end
  local is_better = ended
  if ended == other_ended then is_better = is_newer end
  if is_better or not other_state then redis.call('SET', idem_key, id .. ' ' .. fingerprint, 'PXAT', keep) end
end
redis.call('HSET', job_key(id), 'keep_until_ms', keep, 'expires_ms', now + tonumber(ARGV[5]), unpack(ARGV, 10))
for page, error in pairs(cjson.decode(ARGV[9])) do redis.call('HSET', job_key(id) .. ':pages', page, error) end
keep_until(id, keep)
enlist(id)
redis.call('ZADD', KEEP, keep, id)
local state, reuse = field(id, 'state'), field(id, 'reuse_key')
if is_open(state) then
  fly(id, 1)
  redis.call('ZADD', DUE, number(id, 'expires_ms'), id)
  changed(id, owner)
  return {'created', id, offer(id)}
end
if ARGV[7] == '1' then add_dead(id, number(id, 'finished_ms')) end
if reuse and state == 'succeeded' then redis.call('SET', P .. 'reuse:' .. reuse, id, 'PXAT', keep) end
local error = field(id, 'error')
emit(id, 'job.' .. state, error ~= '' and error or '{}')
owe_webhook(id, 'job.' .. state, keep)
return {'created', id, ''}
