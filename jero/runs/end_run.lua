-- Ends a run, unless it has ended. If Redis has lost the run, or some of its items, the run ends as lost. Its record is
-- written again, so that its followers find that.
--
-- KEYS: the stream and the record of the run.
-- ARGV: the number of the last item that is surely stored; the number of the last one that may be stored; the data of the
--   end; the data of the end if something is lost; the event's type after a '='; for how many milliseconds to keep the
--   run; the command that publishes; the channel to publish on; the owner; the request; the writer; when the run began,
--   in milliseconds of Redis's clock.
-- Returns the data of the end that the run has.

local items, ended = unpack(redis.call('HMGET', record, 'items', 'end'))
if ended then
  redis.call('HSET', record, 'end', ended)  -- a command that writes, so that WAIT waits for what is written already
  return ended
end
items = tonumber(items or -1)
local data = ARGV[3]
if items < tonumber(ARGV[1]) or redis.call('EXISTS', stream) == 0 then
  data = ARGV[4]
  items = math.max(items, tonumber(ARGV[2]))  -- no follower has seen a later one
end
add(items + 1, items, ARGV[7], ARGV[8], 'data', data, ARGV[5], true)
redis.call('HSET', record, 'owner', ARGV[9], 'request', ARGV[10], 'writer', ARGV[11], 'started', ARGV[12],
  'items', text(items), 'ended', text(now()), 'end', data)
expire(ARGV[6])
return data
