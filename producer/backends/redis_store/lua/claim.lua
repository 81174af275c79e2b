-- Take the unit whose turn it is: high priority first, but every 4th claim looks at normal first and every 16th at low;
-- then the owner served longest ago; then its job that has waited longest.
-- ARGV: holder, device, lease_ms, call, queue, ... Answers nothing; or id, unit, token, deaths, waits, record,
-- crashes, queues with more. `call` is of one claim alone: the client sends a script again when its answer was lost, and
-- then gets the unit that it has.
local holder, device, lease_ms, call = ARGV[1], ARGV[2], tonumber(ARGV[3]), P .. 'call:' .. ARGV[4]
local FIRST_QUEUE = 5
local CALL_MS = 60000 -- longer than a client tries
local TRIES = 200 -- entries of jobs that ended meanwhile are swept as they are met, this many a claim
local turn = redis.call('INCR', P .. 'turns')
redis.call('PEXPIRE', P .. 'turns', 3600000)
local order = PRIORITIES
if turn % 4 == 0 then order = {'normal', 'high', 'low'} end
if turn % 16 == 0 then order = {'low', 'normal', 'high'} end

local function next_owner()
  for _, priority in ipairs(order) do
    local best, best_ready, best_score
    for at = FIRST_QUEUE, #ARGV do
      local ready = P .. 'ready:' .. ARGV[at] .. ':' .. priority
      local head = redis.call('ZRANGE', ready, 0, 0, 'WITHSCORES')
      if head[1] and (not best_score or tonumber(head[2]) < best_score) then
        best, best_ready, best_score = head[1], ready, tonumber(head[2])
      end
    end
    if best then return best, best_ready end
  end
end

local function next_unit(id)
  local n = redis.call('LPOP', job_key(id) .. ':redo')
  if n then return n end
  if not has_waiting_unit(id) then return nil end
  return tostring(redis.call('HINCRBY', job_key(id), 'next_unit', 1) - 1)
end

local function start(id, n, owner, ready)
  -- With the time, because the count goes back when Redis loses its last second, and a token must never come again.
  local token = string.format('%d-%.0f', redis.call('HINCRBY', job_key(id), 'tokens', 1), tick)
  local unit = unit_of(id, n) or {deaths = 0}
  unit.token, unit.holder, unit.page, unit.kind = token, holder, 0, string.match(device, '^[^:]*')
  redis.call('HINCRBY', job_key(id), 'running', 1)
  redis.call('HSET', job_key(id), 'device', device)
  local keep = now + number(id, 'retention_ms')
  if keep > number(id, 'keep_until_ms') then
    redis.call('HSET', job_key(id), 'keep_until_ms', keep)
    keep_until(id, keep)
    redis.call('ZADD', KEEP, keep, id)
  end
  save_unit(id, n, unit, now + lease_ms)
  redis.call('ZADD', DUE, now + number(id, 'ttl_ms'), id) -- its time to live counts from the last work on it
  if field(id, 'state') == 'queued' then
    become(id, 'running')
    redis.call('HSET', job_key(id), 'attempts', number(id, 'attempts') + 1)
    redis.call('HSETNX', job_key(id), 'started_ms', now)
    if device ~= 'io' then emit(id, 'job.started', cjson.encode({device = device})) end -- it only fetches the document
  end
  unready(id)
  offer(id)
  redis.call('SET', P .. 'served:' .. owner, tick, 'PX', SERVED_MS)
  redis.call('ZADD', ready, 'XX', tick, owner)
  redis.call('SET', call, id .. ' ' .. n .. ' ' .. token, 'PX', CALL_MS)
  return unit
end

local function queues_with_more()
  local more = {}
  for at = FIRST_QUEUE, #ARGV do
    for _, priority in ipairs(PRIORITIES) do
      if redis.call('EXISTS', P .. 'ready:' .. ARGV[at] .. ':' .. priority) == 1 then
        more[#more + 1] = ARGV[at]
        break
      end
    end
  end
  return more
end

local function crashes_of(id)
  local found, all = {}, redis.call('HGETALL', job_key(id) .. ':units')
  for at = 1, #all, 2 do
    if string.sub(all[at], 1, 1) == 'c' then
      found[#found + 1] = string.sub(all[at], 2)
      found[#found + 1] = all[at + 1]
    end
  end
  return found
end

local function claimed(id, n, unit)
  local record = redis.call('HGETALL', job_key(id))
  return {id, n, unit.token, unit.deaths, unit.waits or 0, record, crashes_of(id), queues_with_more()}
end

local id, n, token = string.match(redis.call('GET', call) or '', '^(%S+) (%S+) (%S+)$')
local mine = id and held(id, n, token)
if mine then return claimed(id, n, mine) end
for _ = 1, TRIES do
  local owner, ready = next_owner()
  if not owner then return {} end
  local id = redis.call('ZRANGE', ready .. ':' .. owner, 0, 0)[1]
  local state = id and field(id, 'state')
  if not id then
    redis.call('ZREM', ready, owner)
  elseif not state then -- the record is gone: deleted, or past its time
    redis.call('ZREM', ready .. ':' .. owner, id)
  elseif state == 'queued' and number(id, 'expires_ms') <= now then
    finish(id, 'expired', problem('expired', 'No worker took the job within its ttl_s; submit it again.', true), '{}')
  else
    local n = is_open(state) and next_unit(id)
    if n then
      return claimed(id, n, start(id, n, owner, ready))
    end
    unready(id)
  end
end
return {}
