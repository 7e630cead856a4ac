-- Counts a run among the open ones of its owner, and remembers it by the key that its client chose. Until the claim is
-- renewed, it is not confirmed: the start of the run may still be cancelled.
--
-- KEYS: the open runs of the owner, with the times until when they count; the run with the key, if there is a key.
-- ARGV: the run; its request; how many may be open; for how many milliseconds the run counts as open,
--   and the key is remembered; the run with the key that is known to be gone, or ''.
-- Returns '' if it is done; 'full' if too many are open; or the run that has the key, a space, its request,
--   and ' ?' if it is not confirmed.

local open, key, run = KEYS[1], KEYS[2], ARGV[1]
local known = key and redis.call('GET', key)
local holder = known and string.match(known, '^[^ ]+')
if holder == run then  -- the call came again
  redis.call('PEXPIRE', key, math.max(tonumber(ARGV[4]), redis.call('PTTL', key)))  -- so that WAIT waits for the claim
  return ''
end
if known and holder ~= ARGV[5] then return known end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', open, '-inf', now)
if redis.call('ZCARD', open) >= tonumber(ARGV[3]) and not redis.call('ZSCORE', open, run) then return 'full' end
redis.call('ZADD', open, now + ARGV[4], run)
redis.call('PEXPIRE', open, math.max(tonumber(ARGV[4]), redis.call('PTTL', open)))
if key then redis.call('SET', key, run .. ' ' .. ARGV[2] .. ' ?', 'PX', ARGV[4]) end
return ''
