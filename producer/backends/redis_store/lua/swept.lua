-- The objects of an outdated job are deleted; it is listed no more. ARGV: id.
redis.call('ZREM', KEEP, ARGV[1])
drop_dead(ARGV[1])
delist(ARGV[1])
return ''
