-- Counts a run among the open ones of its owner, and remembers it by the key that its client chose.
--
-- KEYS: the open runs of the owner, with the times until when they count; the run with the key, if there is a key.
-- ARGV: the run; its request; how many may be open; for how many milliseconds the run counts as open; for how many
--   milliseconds the key is remembered; the run with the key that is known to be gone, or ''.
-- Returns '' if it is done; 'full' if too many are open; or the run that has the key, a space, and its request.

local open, key, run = KEYS[1], KEYS[2], ARGV[1]
local known = key and redis.call('GET', key)
local holder = known and string.match(known, '^[^ ]+')
if known and holder ~= run and holder ~= ARGV[6] then return known end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', open, '-inf', now)
if redis.call('ZCARD', open) >= tonumber(ARGV[3]) and not redis.call('ZSCORE', open, run) then return 'full' end
redis.call('ZADD', open, now + ARGV[4], run)
redis.call('PEXPIRE', open, math.max(tonumber(ARGV[4]), redis.call('PTTL', open)))
if key then redis.call('SET', key, run .. ' ' .. ARGV[2], 'PX', ARGV[5]) end
return ''
