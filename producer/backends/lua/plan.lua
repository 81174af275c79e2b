-- Record how many pages will be read. ARGV: token, pages_total. Answers: held | stale.
if not holds(ARGV[1]) then return 'stale' end
redis.call('HSET', JOB, 'pages_total', ARGV[2])
return 'held'
