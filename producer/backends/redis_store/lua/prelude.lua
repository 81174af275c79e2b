-- Put before every script of the job store. KEYS[1] is the prefix of every key; times are Redis TIME.
-- job:{id}         the record: state is a JobState's value, the rest is written where it is used
-- job:{id}:units   n -> who works on unit n; c{page} -> how often reading that page ended a process, and how
-- job:{id}:redo    units to be done again, oldest first
-- job:{id}:pages   page -> '' or the error it failed with
-- ready:{queue}:{priority}          owners with work, the one served longest ago first
-- ready:{queue}:{priority}:{owner}  their jobs, the one that has waited longest first
-- forgotten:{id}   that a job was deleted
-- upload:{owner}:{id}   the job that was made of an upload
-- flight:{owner}   pages of the owner's unfinished jobs
-- list:{owner}:{state}, and the same with :t:{tag} or :b:{batch}   ids, all with one score: they sort by their time
-- changes          a stream: jobs that have changed, and whose they are
-- due              job or job/unit -> when to look at it again
-- load             {queue}|{priority}|{waiting, unopened or running} -> pages, or documents that nobody has opened
-- minute:{n}       what happened in a minute, by slots of 10 s
-- count            what has happened since counting began
-- worker:{id}      what a worker tells of itself; `workers` when it was heard of last
-- scale:{kind}     how many workers a kind of device should have
-- drain:{node}     that a node is asked to take no more work
local P = KEYS[1]
local LOAD, COUNT, WORKERS = P .. 'load', P .. 'count', P .. 'workers'
local DUE, QUEUES, WEBHOOKS, KEEP, DEAD = P .. 'due', P .. 'queues', P .. 'webhooks', P .. 'keep', P .. 'dead'
local CHANGES = P .. 'changes'
local PRIORITIES = {'high', 'normal', 'low'}
local WINDOW = 32            -- units of one job in work at once: no document takes a whole fleet
local SERVED_MS = 600000     -- an owner that asked for nothing this long is new again
local CHANGES_MS = 3600000   -- changes that nobody has read this long are read from the list of jobs
local GRACE_MS = 86400000    -- a record outlives its results by a day, to say that they have expired; so does a deletion
local FLEET_MS = 90 * 86400000 -- a fleet that did nothing for so long counts anew
local SLOT_MS, MINUTE_MS, HOUR_MS = 10000, 60000, 3600000
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local tick = clock[1] * 1000000 + clock[2] -- microseconds, the order of arrival; exact below 2^53

local function job_key(id) return P .. 'job:' .. id end
local function field(id, name) return redis.call('HGET', job_key(id), name) end
local function number(id, name) return tonumber(field(id, name) or 0) end
local function is_open(state) return state == 'queued' or state == 'running' end

local function keep_until(id, at_ms)
  for _, part in ipairs({'', ':units', ':redo', ':pages', ':events'}) do redis.call('PEXPIREAT', job_key(id) .. part, at_ms + GRACE_MS) end
end

local function list_keys(id)
  local row = redis.call('HMGET', job_key(id), 'owner', 'state', 'tag', 'batch')
  if not row[2] then return {} end
  local keys = {P .. 'list:' .. row[1] .. ':' .. row[2]}
  if row[3] then keys[#keys + 1] = keys[1] .. ':t:' .. row[3] end
  if row[4] then keys[#keys + 1] = keys[1] .. ':b:' .. row[4] end
  return keys
end

-- A key of several jobs lives as long as the one of them that is kept longest.
local function outlive(key, id)
  local gone = number(id, 'keep_until_ms') + GRACE_MS
  if redis.call('PTTL', key) < gone - now then redis.call('PEXPIREAT', key, gone) end
end

local function add_to(key, score, id)
  redis.call('ZADD', key, score, id)
  outlive(key, id)
end

-- The owner has so many more pages in flight. An unfinished job counts with its pages, or 1 while nobody has opened it.
local function fly(id, pages)
  local flight = P .. 'flight:' .. field(id, 'owner')
  redis.call('INCRBY', flight, pages)
  outlive(flight, id)
end

local function land(id) fly(id, -tonumber(field(id, 'pages_total') or 1)) end

local function enlist(id)
  for _, key in ipairs(list_keys(id)) do add_to(key, 0, id) end
end

local function delist(id)
  for _, key in ipairs(list_keys(id)) do redis.call('ZREM', key, id) end
end

-- The only way a state changes: the lists follow.
local function become(id, state)
  delist(id)
  redis.call('HSET', job_key(id), 'state', state)
  enlist(id)
end

local function add_dead(id, at_ms)
  redis.call('ZADD', DEAD, at_ms, id)
  add_to(DEAD .. ':' .. field(id, 'owner'), at_ms, id)
end

local function drop_dead(id)
  redis.call('ZREM', DEAD, id)
  redis.call('ZREM', DEAD .. ':' .. (field(id, 'owner') or ''), id)
end

-- Tell those who watch that a job looks different now, or is gone. Capped: who was away for long reads the list of jobs.
local function changed(id, owner)
  redis.call('XADD', CHANGES, 'MAXLEN', '~', 10000, '*', 'job', id, 'owner', owner)
  redis.call('PEXPIRE', CHANGES, CHANGES_MS)
end

local function emit(id, kind, data)
  local events = job_key(id) .. ':events'
  redis.call('XADD', events, 'MAXLEN', '~', 10000, '*', 'type', kind, 'data', data)
  redis.call('PEXPIREAT', events, field(id, 'keep_until_ms') + GRACE_MS)
  changed(id, field(id, 'owner'))
end

local function problem(code, message, retryable)
  return cjson.encode({code = code, message = message, retryable = retryable})
end

-- Count for ever.
local function count(name, by)
  redis.call('HINCRBY', COUNT, name, by or 1)
  redis.call('PEXPIRE', COUNT, FLEET_MS)
end

-- Count in this slot of this minute.
local function count_now(name, by)
  local minute = P .. 'minute:' .. string.format('%.0f', math.floor(now / MINUTE_MS))
  redis.call('HINCRBY', minute, math.floor(now % MINUTE_MS / SLOT_MS) .. '|' .. name, by)
  redis.call('PEXPIRE', minute, HOUR_MS + 2 * MINUTE_MS)
end

-- What a job adds to the load of its line: pages that wait, a document that nobody has opened, pages in work.
local function load_of(id)
  local row = redis.call('HMGET', job_key(id), 'state', 'pages_total', 'pages_done', 'pages_failed', 'running', 'unit_pages',
    'cancel_requested')
  local units = tonumber(row[5] or 0)
  if not is_open(row[1]) then return 0, 0, 0 end
  if not row[2] then return 0, (units == 0 and not row[7]) and 1 or 0, math.min(units, 1) end
  -- A job that is run again may be planned with fewer pages than it has stored.
  local left = math.max(0, tonumber(row[2]) - tonumber(row[3] or 0) - tonumber(row[4] or 0))
  local running = math.min(left, units * tonumber(row[6]))
  return row[7] and 0 or left - running, 0, running
end

-- Bring the load of its line up to what the job adds now. Called after whatever changes it.
local function recount(id, is_gone)
  local row = redis.call('HMGET', job_key(id), 'queue', 'priority', 'load')
  local waiting, unopened, running = 0, 0, 0
  if not is_gone then waiting, unopened, running = load_of(id) end
  local before, after = row[3] or '0 0 0', waiting .. ' ' .. unopened .. ' ' .. running
  if before == after then return end
  local line = row[1] .. '|' .. row[2] .. '|'
  local w, u, r = string.match(before, '^(%d+) (%d+) (%d+)$')
  for name, by in pairs({waiting = waiting - w, unopened = unopened - u, running = running - r}) do
    if by ~= 0 and redis.call('HINCRBY', LOAD, line .. name, by) <= 0 then redis.call('HDEL', LOAD, line .. name) end
  end
  redis.call('PEXPIRE', LOAD, FLEET_MS)
  if after == '0 0 0' then redis.call('HDEL', job_key(id), 'load') else redis.call('HSET', job_key(id), 'load', after) end
end

local function unit_of(id, n)
  local raw = redis.call('HGET', job_key(id) .. ':units', n)
  return raw and cjson.decode(raw)
end

local function save_unit(id, n, unit, at_ms)
  local units = job_key(id) .. ':units'
  redis.call('HSET', units, n, cjson.encode(unit))
  redis.call('PEXPIREAT', units, field(id, 'keep_until_ms') + GRACE_MS)
  redis.call('ZADD', DUE, at_ms, id .. '/' .. n)
end

-- A lease is the token of the claim that took the unit: a later claim makes every earlier token stale.
local function held(id, n, token)
  if field(id, 'state') ~= 'running' then return nil end
  local unit = unit_of(id, n)
  return unit and unit.token == token and unit or nil
end

local function ready_key(id)
  local row = redis.call('HMGET', job_key(id), 'queue', 'priority', 'owner')
  return P .. 'ready:' .. row[1] .. ':' .. row[2], row[3], row[1]
end

local function unready(id)
  local ready, owner = ready_key(id)
  redis.call('ZREM', ready .. ':' .. owner, id)
  if redis.call('EXISTS', ready .. ':' .. owner) == 0 then redis.call('ZREM', ready, owner) end
end

local function has_waiting_unit(id)
  if redis.call('EXISTS', job_key(id) .. ':redo') == 1 then return true end
  local total = field(id, 'units_total')
  return number(id, 'next_unit') < (total and tonumber(total) or 1) -- before it is planned a job has one unit
end

-- Offer the job's waiting units at the end of its owner's line. Answers the queue to ring, or ''.
local function offer(id)
  recount(id)
  if field(id, 'cancel_requested') or not has_waiting_unit(id) or number(id, 'running') >= WINDOW then return '' end
  local ready, owner, queue = ready_key(id)
  redis.call('ZADD', ready .. ':' .. owner, tick, id)
  if not redis.call('ZSCORE', ready, owner) then
    redis.call('ZADD', ready, redis.call('GET', P .. 'served:' .. owner) or 0, owner)
  end
  redis.call('ZADD', QUEUES, tick, queue)
  return queue
end

-- The outbox row of the end of the job's run, if its caller wants to be told of such ends.
local function owe_webhook(id, kind, keep)
  local url, run = field(id, 'webhook_url'), number(id, 'run')
  if not url or not string.find(field(id, 'webhook_events'), kind, 1, true) then return end
  local event = 'evt_' .. id .. (run > 0 and '_' .. run or '')
  local row = P .. 'webhook:' .. event
  redis.call('HSET', row, 'job_id', id, 'type', kind, 'url', url, 'state', 'pending', 'attempts', 0, 'claimed_until_ms', 0,
    'created_ms', now)
  redis.call('PEXPIREAT', row, keep + GRACE_MS)
  redis.call('ZADD', WEBHOOKS, now, event)
end

-- Terminal state, event and webhook outbox row in one step; the only way a job ends.
local function finish(id, state, error, outputs, is_dead)
  local job = job_key(id)
  local keep = now + number(id, 'retention_ms')
  land(id)
  unready(id)
  redis.call('ZREM', DUE, id)
  for _, n in ipairs(redis.call('HKEYS', job .. ':units')) do redis.call('ZREM', DUE, id .. '/' .. n) end
  redis.call('DEL', job .. ':units', job .. ':redo')
  redis.call('HSET', job, 'finished_ms', now, 'error', error, 'outputs', outputs, 'keep_until_ms', keep)
  become(id, state)
  redis.call('HDEL', job, 'running', 'cancel_requested')
  keep_until(id, keep)
  redis.call('ZADD', KEEP, keep, id)
  if is_dead then add_dead(id, now) end
  recount(id)
  count('jobs|' .. state)
  if error ~= '' then count('job_failures|' .. cjson.decode(error).code) end
  local kind = 'job.' .. state
  emit(id, kind, error ~= '' and error or '{}')
  local reuse = field(id, 'reuse_key')
  if reuse and state == 'succeeded' then redis.call('SET', P .. 'reuse:' .. reuse, id, 'PXAT', keep) end
  owe_webhook(id, kind, keep)
end

local function finish_cancelled(id)
  finish(id, 'cancelled', problem('cancelled', 'The job was cancelled.', false), '{}')
end

-- Take a unit out of work. Answers what was known of it.
local function leave(id, n)
  redis.call('ZREM', DUE, id .. '/' .. n)
  redis.call('HINCRBY', job_key(id), 'running', -1)
  recount(id)
  if field(id, 'cancel_requested') and number(id, 'running') <= 0 then finish_cancelled(id) end
end

-- Put a unit among those to be done again. Answers the queue to ring, or ''.
local function redo(id, n, unit)
  redis.call('HSET', job_key(id) .. ':units', n, cjson.encode(unit))
  redis.call('RPUSH', job_key(id) .. ':redo', n)
  redis.call('PEXPIREAT', job_key(id) .. ':redo', field(id, 'keep_until_ms') + GRACE_MS)
  return offer(id)
end

-- Take a unit out of work, to be done again now or when delay_ms are over. Answers the queue to ring, or ''.
local function put_back(id, n, unit, delay_ms)
  leave(id, n)
  if not is_open(field(id, 'state')) then return '' end
  unit.token, unit.page = nil, nil
  if delay_ms <= 0 then return redo(id, n, unit) end
  save_unit(id, n, unit, now + delay_ms)
  return ''
end

-- Count one end of a process while it read a page.
local function count_crash(id, page, code, message)
  local units, name = job_key(id) .. ':units', 'c' .. page
  local raw = redis.call('HGET', units, name)
  local times = raw and cjson.decode(raw).times or 0
  count('crashes|' .. code)
  redis.call('HSET', units, name, cjson.encode({times = times + 1, code = code, message = message}))
end
