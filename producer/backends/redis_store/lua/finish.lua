-- End the job. ARGV: id, unit, token, state, error JSON or '', outputs JSON, 1 for a dead letter. Answers: held | stale; ''.
if not held(ARGV[1], ARGV[2], ARGV[3]) then return {'stale', ''} end
finish(ARGV[1], ARGV[4], ARGV[5], ARGV[6], ARGV[7] == '1')
return {'held', ''}
