-- Ends a run as lost, if its writer has not renewed it in time.
--
-- KEYS: the stream and the record of the run.
-- ARGV: the data of the end; the event's type after a '='; for how many milliseconds to keep the run; the command that
--   publishes; the channel to publish on.

local known, ended, items, deadline = unpack(redis.call('HMGET', record, 'writer', 'end', 'items', 'until'))
if not known or ended or tonumber(deadline or 0) > now() then return '' end
add(items + 1, tonumber(items), ARGV[4], ARGV[5], 'data', ARGV[1], ARGV[2], true)
redis.call('HSET', record, 'ended', text(now()), 'end', ARGV[1])
expire(ARGV[3])
return 'ended'
