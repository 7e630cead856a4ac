-- Counts a run among the open ones of its owner for longer, or no more. Confirms its key, and remembers it for longer.
-- A run that was counted no more stays so: a renewal may arrive after the end.
--
-- KEYS: the open runs of the owner; the run with the key, if it has a key.
-- ARGV: the run; for how many milliseconds more it counts as open, or 0 if it does not; for how many milliseconds more
--   its key is remembered, or 0 if it is not.

local open, key, run = KEYS[1], KEYS[2], ARGV[1]
if ARGV[2] == '0' then
  redis.call('ZREM', open, run)
else
  local time = redis.call('TIME')
  redis.call('ZADD', open, 'XX', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2], run)
  redis.call('PEXPIRE', open, math.max(tonumber(ARGV[2]), redis.call('PTTL', open)))
end
local known = key and redis.call('GET', key)
local holder, request = string.match(known or '', '^([^ ]+) ([^ ]*)')
if holder == run then
  if ARGV[3] == '0' then redis.call('DEL', key) else redis.call('SET', key, run .. ' ' .. request, 'PX', ARGV[3]) end
end
return 'renewed'
