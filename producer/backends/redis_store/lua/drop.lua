-- Stop working on a unit of a cancelled job; the last to stop ends it. ARGV: id, unit, token. Answers: held | stale; ''.
if not held(ARGV[1], ARGV[2], ARGV[3]) then return {'stale', ''} end
redis.call('HDEL', job_key(ARGV[1]) .. ':units', ARGV[2])
leave(ARGV[1], ARGV[2])
return {'held', ''}
