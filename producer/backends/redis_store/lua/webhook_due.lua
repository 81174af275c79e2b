-- What is due and nobody has, the latest first. ARGV: how many, behind how many that are due. Answers: event id, url, ...
local PAGE = 100
local limit, at, found = tonumber(ARGV[1]), tonumber(ARGV[2]), {}
repeat
  local page = redis.call('ZRANGEBYSCORE', WEBHOOKS, 0, now, 'LIMIT', at, PAGE)
  for _, event in ipairs(page) do
    local known = redis.call('HMGET', P .. 'webhook:' .. event, 'claimed_until_ms', 'url')
    if tonumber(known[1] or 0) <= now and #found < 2 * limit then
      found[#found + 1], found[#found + 2] = event, known[2] or '' -- without a row: the claim forgets it
    end
  end
  at = at + PAGE
until #found >= 2 * limit or #page < PAGE
return found
