-- Adds the next items to a run, once: a call that comes again adds those that are not there.
--
-- KEYS: the stream and the record of the run.
-- ARGV: the number of the first item; the command that publishes; the channel to publish on; and for each item 'data' or
--   'text', the data, and the event's type after a '=', or '' if it has none.
-- Returns 'stored'; 'stop' if they are stored, and the run is to stop; 'ended' if the run has ended before; or 'gone' if
--   Redis has lost the run, or items before these.

local items, ended, stop = unpack(redis.call('HMGET', record, 'items', 'end', 'stop'))
if ended then return 'ended' end
items = tonumber(items or -1)
local number = tonumber(ARGV[1])
if items < number - 1 then return 'gone' end
for i = 4, #ARGV, 3 do
  if number > items then
    if not add(number, number - 1, ARGV[2], ARGV[3], ARGV[i], ARGV[i + 1], ARGV[i + 2]) then return 'gone' end
    items = number
  end
  number = number + 1
end
redis.call('HSET', record, 'items', text(items))  -- in any case, so that WAIT waits for what is written already
return stop and 'stop' or 'stored'
