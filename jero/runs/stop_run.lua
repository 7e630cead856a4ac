-- Asks a run to stop.
--
-- KEYS: the stream and the record of the run.
-- Returns the channel on which its writer hears that; '' if the run has ended, or does not exist.

local writer, ended = unpack(redis.call('HMGET', record, 'writer', 'end'))
if not writer or ended then return '' end
redis.call('HSET', record, 'stop', '1')
return writer
