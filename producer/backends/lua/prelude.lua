-- Put before every script of the job store. Times are Redis TIME in milliseconds; states are JobState's values.
local JOB, PAGES, EVENTS, OPEN, DUE, WEBHOOK = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function field(name) return redis.call('HGET', JOB, name) end

local function is_open(state) return state == 'queued' or state == 'running' end

-- A lease is the token of the claim that took it: a later claim makes every earlier token stale.
local function holds(token) return field('state') == 'running' and field('token') == token end

local function keep_until(at_ms)
  for _, key in ipairs({JOB, PAGES, EVENTS, WEBHOOK}) do redis.call('PEXPIREAT', key, at_ms) end
end

local function emit(kind, data)
  redis.call('XADD', EVENTS, 'MAXLEN', '~', 10000, '*', 'type', kind, 'data', data)
  redis.call('PEXPIREAT', EVENTS, field('keep_until_ms'))
end

-- Terminal state, event and webhook outbox row in one step; the only way a job ends.
local function finish(id, state, error, outputs)
  local keep = now + tonumber(field('retention_ms'))
  redis.call('HSET', JOB, 'state', state, 'finished_ms', now, 'error', error, 'outputs', outputs, 'keep_until_ms', keep)
  redis.call('HDEL', JOB, 'lease_until_ms', 'token')
  redis.call('ZREM', OPEN, id)
  local kind = 'job.' .. state
  emit(kind, error ~= '' and error or '{}')
  local url = field('webhook_url')
  if url and string.find(field('webhook_events'), kind, 1, true) then
    redis.call('HSET', WEBHOOK, 'job_id', id, 'type', kind, 'url', url, 'state', 'pending', 'attempts', 0, 'claimed_until_ms', 0)
    redis.call('ZADD', DUE, now, id)
  end
  keep_until(keep)
end
