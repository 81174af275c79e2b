-- Resolve the idempotency key and create the job, at once.
-- ARGV: id, owner, idempotency key or '', fingerprint, reuse key or '', ttl_ms, retention_ms, max_open, max_pages,
-- id of its upload or '', field, value, ... Answers: created | existing | reused | mismatch | taken | full | quota; job id;
-- queue to ring.
local id, owner, idem, fingerprint, reuse = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local upload_key = ARGV[10] ~= '' and P .. 'upload:' .. owner .. ':' .. ARGV[10]
local idem_key = P .. 'idempotency:' .. owner .. ':' .. idem
if redis.call('EXISTS', job_key(id)) == 1 then return {'created', id, field(id, 'queue')} end -- the client asks again
if idem ~= '' then
  local seen = redis.call('GET', idem_key)
  local seen_id = seen and string.sub(seen, 1, 32)
  if seen_id and redis.call('EXISTS', job_key(seen_id)) == 1 then
    return {string.sub(seen, 34) == fingerprint and 'existing' or 'mismatch', seen_id, ''}
  end
end
if reuse ~= '' then
  local done = redis.call('GET', P .. 'reuse:' .. reuse)
  if done and field(done, 'state') == 'succeeded' then return {'reused', done, ''} end
end
local taker = upload_key and redis.call('GET', upload_key)
if taker and is_open(field(taker, 'state')) then return {'taken', taker, ''} end
if redis.call('ZCARD', DUE) >= tonumber(ARGV[8]) then return {'full', id, ''} end
if tonumber(redis.call('GET', P .. 'flight:' .. owner) or 0) >= tonumber(ARGV[9]) then return {'quota', id, ''} end
local ttl, retention = tonumber(ARGV[6]), tonumber(ARGV[7])
local keep = now + ttl + retention
redis.call('HSET', job_key(id), 'state', 'queued', 'owner', owner, 'created_ms', now, 'expires_ms', now + ttl, 'ttl_ms', ttl,
  'retention_ms', retention, 'keep_until_ms', keep, unpack(ARGV, 11))
enlist(id)
fly(id, 1)
if idem ~= '' then redis.call('HSET', job_key(id), 'idempotency_key', idem) end
if reuse ~= '' then redis.call('HSET', job_key(id), 'reuse_key', reuse) end
redis.call('PEXPIREAT', job_key(id), keep + GRACE_MS)
redis.call('ZADD', DUE, now + ttl, id)
redis.call('ZADD', KEEP, keep, id)
if idem ~= '' then redis.call('SET', idem_key, id .. ' ' .. fingerprint, 'PXAT', keep) end
if upload_key then redis.call('SET', upload_key, id, 'PXAT', keep) end
changed(id, owner)
return {'created', id, offer(id)}
