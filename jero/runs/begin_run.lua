-- Begins a run, once: another call by the same writer finds it begun.
--
-- KEYS: the stream and the record of the run.
-- ARGV: the owner; the request; the writer; after how many milliseconds without a renewal the run counts as lost;
--   after how many both keys expire.
-- Returns when it began, in milliseconds of Redis's clock; 0 if another writer has it.

local writer, started = unpack(redis.call('HMGET', record, 'writer', 'started'))
if writer then return writer == ARGV[3] and tonumber(started) or 0 end
local time = now()
redis.call('HSET', record, 'owner', ARGV[1], 'request', ARGV[2], 'writer', ARGV[3], 'started', text(time),
  'until', text(time + ARGV[4]), 'items', '0')
redis.call('XGROUP', 'CREATE', stream, 'jero', '0', 'MKSTREAM')  -- makes a stream without an entry
redis.call('XGROUP', 'DESTROY', stream, 'jero')
expire(ARGV[5])
return time
