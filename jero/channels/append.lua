-- Adds an event to a stream once, even if the script runs several times with the same token, and publishes it.
--
-- The token is a key that remembers the event's id until it expires. Tokens of events whose publishers have the answer
-- are deleted early. Each entry has two fields of jero's own: the id of the entry before it, so that a reader knows
-- whether it has missed one, and the size of all events up to it, so that old ones can be trimmed by size.
--
-- KEYS: the stream, the token of this event, tokens to delete.
-- ARGV: how many events to keep; how many bytes of them to keep; for how many milliseconds to keep the stream, or '';
--   for how many milliseconds to remember the token; the sequence number of the first id of a new stream;
--   the command that publishes; the channel to publish on; 'data' or 'text'; the data; the event's type, if it has one.
-- Returns the entry's id.

-- What an event takes beside its data and its type.
local OVERHEAD = 100
-- How many entries are read at once.
local PAGE = 16

local stream = KEYS[1]

-- Returns the size of an entry, and the size of all events up to it, or nil if another program added it.
local function sizes_of(entry)
  local size, total = OVERHEAD, nil
  local fields = entry[2]
  for i = 1, #fields, 2 do
    if fields[i] == 'jero-total' then
      total = tonumber(fields[i + 1])
    elseif fields[i] ~= 'jero-after' then
      size = size + #fields[i + 1]
    end
  end
  return size, total
end

-- Returns the size of all events up to the newest entry.
local function present_total(newest)
  local sum = 0
  local page = {newest}
  while #page > 0 do
    for _, entry in ipairs(page) do
      local size, total = sizes_of(entry)
      if total then return sum + total end
      sum = sum + size
    end
    page = redis.call('XREVRANGE', stream, '(' .. page[#page][1], '-', 'COUNT', PAGE)
  end
  return sum
end

-- Drops the oldest entries until the rest has few enough bytes. The size of all events up to an entry of another
-- program follows from the next one that says it.
local function trim(newest, total, most)
  if total <= most then return end
  local oldest, unsized = nil, {}
  local page = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)
  while #page > 0 do
    for _, entry in ipairs(page) do
      oldest = oldest or entry[1]
      local size, up_to = sizes_of(entry)
      unsized[#unsized + 1] = {entry[1], size}
      if up_to then
        local kept, first = total - up_to, nil
        for i = #unsized, 1, -1 do
          kept = kept + unsized[i][2]
          if kept > most then break end
          first = unsized[i][1]
        end
        if entry[1] == newest then first = first or newest end
        if first then
          if first ~= oldest then redis.call('XTRIM', stream, 'MINID', '=', first) end
          return
        end
        unsized = {}
      end
    end
    page = redis.call('XRANGE', stream, '(' .. page[#page][1], '+', 'COUNT', PAGE)
  end
end

local known = redis.call('GET', KEYS[2])
if known then
  redis.call('PEXPIRE', KEYS[2], ARGV[4])  -- a command that writes, so that WAIT waits for what is written already
  return known
end

local id, after, total = '*', '-', 0
if redis.call('EXISTS', stream) == 1 then
  local info = redis.call('XINFO', 'STREAM', stream)
  local found = {}
  for i = 1, #info, 2 do found[info[i]] = info[i + 1] end
  after = found['last-generated-id']  -- also if another program has deleted that entry
  total = present_total(found['last-entry'] or nil)
else
  local time = redis.call('TIME')
  id = string.format('%d%03d-%s', time[1], math.floor(time[2] / 1000), ARGV[5])
end
local form, data, event = ARGV[8], ARGV[9], ARGV[10]
total = total + OVERHEAD + #data + #(event or '')
local fields = {'jero-after', after, 'jero-total', string.format('%.0f', total), form, data}
if event then
  fields[#fields + 1] = 'event'
  fields[#fields + 1] = event
end
id = redis.call('XADD', stream, 'MAXLEN', '~', ARGV[1], id, unpack(fields))
trim(id, total, tonumber(ARGV[2]))
if ARGV[3] ~= '' then redis.call('PEXPIRE', stream, ARGV[3]) end
redis.call('SET', KEYS[2], id, 'PX', ARGV[4])
if #KEYS > 2 then redis.call('DEL', unpack(KEYS, 3)) end
local head = after .. ' ' .. id .. ' ' .. form
if event then head = head .. ' ' .. event end
redis.call(ARGV[6], ARGV[7], head .. '\n' .. data)
return id
