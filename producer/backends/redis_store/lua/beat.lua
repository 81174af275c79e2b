-- Be among the workers for ttl_ms. ARGV: id, node, report JSON, ttl_ms. Answers 1 where the node is asked to drain.
redis.call('SET', P .. 'worker:' .. ARGV[1], ARGV[3], 'PX', ARGV[4])
redis.call('ZADD', WORKERS, now, ARGV[1])
redis.call('PEXPIRE', WORKERS, FLEET_MS)
return redis.call('EXISTS', P .. 'drain:' .. ARGV[2])
