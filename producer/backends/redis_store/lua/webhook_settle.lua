-- Record an attempt's outcome, unless it came so late that another attempt was begun. ARGV: event id, state, delay_ms,
-- status code or '', error, body, disabled_ms, claim.
-- disabled_ms > 0: the receiver is gone; later deliveries to the same address end at once for that long.
local row = P .. 'webhook:' .. ARGV[1]
if redis.call('EXISTS', row) == 0 then return redis.call('ZREM', WEBHOOKS, ARGV[1]) end
if redis.call('HGET', row, 'claims') ~= ARGV[8] then return 0 end
count('webhooks|' .. ARGV[2])
if ARGV[2] == 'delivered' then count('webhook_lag_ms', now - redis.call('HGET', row, 'created_ms')) end
local at, log = now + tonumber(ARGV[3]), cjson.decode(redis.call('HGET', row, 'log') or '[]')
log[#log + 1] = {number = tonumber(ARGV[8]), at_ms = now, status = tonumber(ARGV[4]), error = ARGV[5]}
if #log > 20 then table.remove(log, 1) end
redis.call('HSET', row, 'state', ARGV[2], 'claimed_until_ms', at, 'log', cjson.encode(log), 'body', ARGV[6])
if tonumber(ARGV[7]) > 0 then
  redis.call('SET', P .. 'gone:' .. redis.sha1hex(redis.call('HGET', row, 'url')), now, 'PX', ARGV[7])
end
if ARGV[2] == 'pending' then redis.call('ZADD', WEBHOOKS, at, ARGV[1]) else redis.call('ZREM', WEBHOOKS, ARGV[1]) end
local job = redis.call('HGET', row, 'job_id')
changed(job, field(job, 'owner') or '')
return 1
