-- Count one page, once, whoever stored it. ARGV: id, unit, token, page, error JSON or ''. Answers: held | cancelled | stale; ''.
local id, page, error = ARGV[1], ARGV[4], ARGV[5]
local unit = held(id, ARGV[2], ARGV[3])
if not unit then return {'stale', ''} end
local pages = job_key(id) .. ':pages'
if redis.call('HSETNX', pages, page, error) == 1 then
  redis.call('PEXPIREAT', pages, field(id, 'keep_until_ms') + GRACE_MS)
  redis.call('HINCRBY', job_key(id), error == '' and 'pages_done' or 'pages_failed', 1)
  count('pages|' .. unit.kind .. '|' .. (error == '' and 'succeeded' or 'failed'))
  if error ~= '' then count('page_failures|' .. cjson.decode(error).code) end
  count_now('pages|' .. unit.kind, 1)
  recount(id)
  emit(id, error == '' and 'page.done' or 'page.failed', '{"page":' .. page .. '}')
end
unit.page = 0
redis.call('HSET', job_key(id) .. ':units', ARGV[2], cjson.encode(unit))
return {field(id, 'cancel_requested') and 'cancelled' or 'held', ''}
