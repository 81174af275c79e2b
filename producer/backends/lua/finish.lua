-- End the job. ARGV: id, token, state, error JSON or '', outputs JSON. Answers: held | stale.
if not holds(ARGV[2]) then return 'stale' end
finish(ARGV[1], ARGV[3], ARGV[4], ARGV[5])
return 'held'
