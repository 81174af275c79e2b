-- Take a due delivery for lease_ms; one to a receiver that said 410 Gone ends as disabled. ARGV: event id, lease_ms. Answers: job id, type, url, attempt, claim, body or ''; or nothing.
local row = P .. 'webhook:' .. ARGV[1]
local known = redis.call('HMGET', row, 'state', 'claimed_until_ms', 'job_id', 'type', 'url', 'body')
if not known[1] or known[1] ~= 'pending' then
  redis.call('ZREM', WEBHOOKS, ARGV[1])
  return {}
end
if tonumber(known[2]) > now then return {} end
if redis.call('EXISTS', P .. 'gone:' .. redis.sha1hex(known[5])) == 1 then
  redis.call('HSET', row, 'state', 'disabled')
  redis.call('ZREM', WEBHOOKS, ARGV[1])
  return {}
end
local attempt = redis.call('HINCRBY', row, 'attempts', 1)
redis.call('HSET', row, 'claimed_until_ms', now + tonumber(ARGV[2])) -- in the index it stays as late as it is
return {known[3], known[4], known[5], tostring(attempt), tostring(redis.call('HINCRBY', row, 'claims', 1)), known[6] or ''}
