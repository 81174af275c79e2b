-- Put back the record of a job that was lost: an ended one as it was, another one to be run.
-- ARGV: id, owner, idempotency key or '', fingerprint, wait_ms, keep_ms, 1 for a dead letter, pages as JSON, field, value, ...
-- Answers: existing | created; job id; queue to ring.
local id, owner, idem, fingerprint = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local keep = now + tonumber(ARGV[6])
local idem_key = P .. 'idempotency:' .. owner .. ':' .. idem
if redis.call('EXISTS', job_key(id), P .. 'forgotten:' .. id) > 0 then return {'existing', id, ''} end
if idem ~= '' then
  local seen = redis.call('GET', idem_key)
  if seen and redis.call('EXISTS', job_key(string.sub(seen, 1, 32))) == 1 then return {'existing', string.sub(seen, 1, 32), ''} end
  redis.call('SET', idem_key, id .. ' ' .. fingerprint, 'PXAT', keep)
end
redis.call('HSET', job_key(id), 'keep_until_ms', keep, 'expires_ms', now + tonumber(ARGV[5]), unpack(ARGV, 9))
for page, error in pairs(cjson.decode(ARGV[8])) do redis.call('HSET', job_key(id) .. ':pages', page, error) end
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
