-- Take a due delivery for lease_ms. ARGV: id, lease_ms. Answers: type, url, attempt; or nothing.
local row = redis.call('HMGET', WEBHOOK, 'state', 'claimed_until_ms', 'type', 'url')
if not row[1] or row[1] ~= 'pending' then
  redis.call('ZREM', DUE, ARGV[1])
  return {}
end
if tonumber(row[2]) > now then return {} end
local attempt = redis.call('HINCRBY', WEBHOOK, 'attempts', 1)
local lease = now + tonumber(ARGV[2])
redis.call('HSET', WEBHOOK, 'claimed_until_ms', lease)
redis.call('ZADD', DUE, lease, ARGV[1])
return {row[3], row[4], tostring(attempt)}
