-- One page of an owner's jobs, newest first. ARGV: owner, id to go on after or '', limit, '' or :t:tag or :b:batch, state, ...
-- Answers: id to go on after or '', id, record, id, record, ... A page is short where records are past their time: their
-- rows are taken off as they are met, if Redis takes writes.
local owner, after, limit, of = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local FIRST_STATE = 5
local ids, list_of = {}, {}
for at = FIRST_STATE, #ARGV do
  local key = P .. 'list:' .. owner .. ':' .. ARGV[at] .. of
  local from = after == '' and '+' or '(' .. after
  for _, id in ipairs(redis.call('ZREVRANGEBYLEX', key, from, '-', 'LIMIT', 0, limit + 1)) do
    ids[#ids + 1] = id
    list_of[id] = key
  end
end
table.sort(ids, function(one, other) return one > other end)
local answer = {#ids > limit and ids[limit] or ''}
for at = 1, math.min(#ids, limit) do
  local id = ids[at]
  local record = redis.call('HGETALL', job_key(id))
  if #record > 0 then
    answer[#answer + 1] = id
    answer[#answer + 1] = record
  else
    redis.pcall('ZREM', list_of[id], id)
  end
end
return answer
