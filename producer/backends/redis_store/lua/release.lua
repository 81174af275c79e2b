-- Give the unit back, to be taken again after delay_ms; no fault is counted. ARGV: id, unit, token, delay_ms.
-- Answers: held | stale; queue to ring.
local unit = held(ARGV[1], ARGV[2], ARGV[3])
if not unit then return {'stale', ''} end
unit.waits = (unit.waits or 0) + 1
return {'held', put_back(ARGV[1], ARGV[2], unit, tonumber(ARGV[4]))}
