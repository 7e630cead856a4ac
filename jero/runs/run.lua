-- What the scripts of a run share. Each of them begins with this text.
--
-- A run has two keys. Its stream has an entry for each item, with the ids 0-1, 0-2, ..., and at last one for its end.
-- Its record is a hash:
--   `owner`, `request`: hashes of who began it, and of what it was asked for
--   `writer`: the channel on which its writer hears that it is to stop
--   `started`, `ended`: when, by Redis's clock, in milliseconds
--   `until`: when it counts as lost, unless its writer renews it before
--   `items`: how many items it has
--   `stop`: somebody wants it to stop
--   `end`: the data of its last entry
-- While a run is open, both keys expire some time after `until`.

local stream, record = KEYS[1], KEYS[2]

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function text(number) return string.format('%.0f', number) end

local function expire(milliseconds)
  redis.call('PEXPIRE', stream, milliseconds)
  redis.call('PEXPIRE', record, milliseconds)
end

-- Adds an entry that follows the one of the number `after`, and publishes it. `event`: its type after a '=', or ''.
-- Returns false if the stream does not exist, unless `may_begin` says that it may begin with this entry.
local function add(number, after, publish, channel, form, data, event, may_begin)
  if not may_begin and redis.call('EXISTS', stream) == 0 then return false end
  local before, id = '0-' .. text(after), '0-' .. text(number)
  local head = before .. ' ' .. id .. ' ' .. form
  if event == '' then
    redis.call('XADD', stream, id, 'jero-after', before, form, data)
  else
    local type = string.sub(event, 2)
    redis.call('XADD', stream, id, 'jero-after', before, form, data, 'event', type)
    head = head .. ' ' .. type
  end
  redis.call(publish, channel, head .. '\n' .. data)
  return true
end
