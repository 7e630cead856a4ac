-- Renews a run for its writer.
--
-- KEYS: the stream and the record of the run.
-- ARGV: after how many milliseconds without another renewal the run counts as lost; after how many both keys expire.
-- Returns 'renewed'; 'stop' if it is renewed, and is to stop; 'ended' if it has ended; or 'gone' if Redis has lost it.

local known, ended, stop = unpack(redis.call('HMGET', record, 'writer', 'end', 'stop'))
if ended then return 'ended' end
if not known or redis.call('EXISTS', stream) == 0 then return 'gone' end
redis.call('HSET', record, 'until', text(now() + ARGV[1]))
expire(ARGV[2])
return stop and 'stop' or 'renewed'
