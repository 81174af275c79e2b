-- Be among the workers for ttl_ms. ARGV: id, node, report JSON, ttl_ms, what is counted: name, number, ... Answers 1 where the node is asked to drain.
redis.call('SET', P .. 'worker:' .. ARGV[1], ARGV[3], 'PX', ARGV[4])
redis.call('ZADD', WORKERS, now, ARGV[1])
redis.call('PEXPIRE', WORKERS, FLEET_MS)
for at = 5, #ARGV, 2 do count(ARGV[at], ARGV[at + 1]) end
return redis.call('EXISTS', P .. 'drain:' .. ARGV[2])
