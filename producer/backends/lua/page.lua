-- Count one page, once, whoever stored it. ARGV: token, page, error JSON or ''. Answers: held | stale.
if not holds(ARGV[1]) then return 'stale' end
local page, error = ARGV[2], ARGV[3]
if redis.call('HSETNX', PAGES, page, error) == 0 then return 'held' end
redis.call('PEXPIREAT', PAGES, field('keep_until_ms'))
redis.call('HINCRBY', JOB, error == '' and 'pages_done' or 'pages_failed', 1)
emit(error == '' and 'page.done' or 'page.failed', '{"page":' .. page .. '}')
return 'held'
