-- Reads a stream's state and some of its entries, as they are at one moment.
--
-- KEYS: the stream.
-- ARGV: an entry id, or ''; how many entries to return at most; how many bytes of fields and values they may have
--   together, unless the first entry alone has more; '', or an age in milliseconds.
-- Without an age, it returns the entries after the id, oldest first. With an age, it returns the newest entries, newest
--   first: at least those that are as young as that or come after the id, if they are not too many.
-- Returns
--   the stream's last id ('' if the stream does not exist),
--   1 if no entry was ever dropped, else 0,
--   1 if the stream has an entry with the given id, else 0,
--   the entries,
--   the time of Redis's clock in milliseconds,
--   1 if there may be more entries, else 0,
--   the id of the entry before the last one of the newest ('' if there is not any),
--   the largest id of an entry that was deleted by its id ('' if there is not any).

-- How many entries are read before their sizes are known, at most.
local FEW = 16

local stream = KEYS[1]
local count, max_bytes = tonumber(ARGV[2]), tonumber(ARGV[3])

local function size_of(entry)
  local size = 0
  for _, part in ipairs(entry[2]) do size = size + #part end
  return size
end

local function milliseconds_of(id) return tonumber(string.match(id, '^%d+')) end

-- Reads entries from one id on, first `few` of them, until there are enough, or too many bytes, or one is not wanted.
local function read(command, from, to, few, is_wanted)
  local entries, size = {}, 0
  while #entries < count do
    local asked = math.min(few, count - #entries)
    local page = redis.call(command, stream, from, to, 'COUNT', asked)
    for _, entry in ipairs(page) do
      size = size + size_of(entry)
      if not is_wanted(entry[1]) then return entries, 0, entry[1] end
      if size > max_bytes and #entries > 0 then return entries, 1, entry[1] end
      entries[#entries + 1] = entry
    end
    if #page < asked then return entries, 0, '' end
    from = '(' .. page[#page][1]
    few = math.max(1, math.floor((max_bytes - size) * #entries / math.max(size, 1)))
  end
  return entries, 1, ''
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('EXISTS', stream) == 0 then return {'', 1, 0, {}, now, 0, '', ''} end

local info = redis.call('XINFO', 'STREAM', stream)
local found = {}
for i = 1, #info, 2 do found[info[i]] = info[i + 1] end
local first, last = found['first-entry'], found['last-generated-id']
local few = 1
if first then
  few = math.max(1, math.min(FEW, math.floor(max_bytes / math.max(size_of(first), size_of(found['last-entry']), 1))))
end

local has_entry, entries, has_more, before = 0, {}, 0, ''
if ARGV[4] == '' then
  has_entry = #redis.call('XRANGE', stream, ARGV[1], ARGV[1])
  entries, has_more = read('XRANGE', '(' .. ARGV[1], '+', few, function() return true end)
elseif first and milliseconds_of(last) <= now then
  local oldest = now - tonumber(ARGV[4])
  if ARGV[1] ~= '' then oldest = math.min(oldest, milliseconds_of(ARGV[1])) end
  entries, has_more, before = read('XREVRANGE', '+', '-', few, function(id)
    return id ~= ARGV[1] and milliseconds_of(id) >= oldest
  end)
  if #entries > 0 and before == '' then
    local earlier = redis.call('XREVRANGE', stream, '(' .. entries[#entries][1], '-', 'COUNT', 1)
    if earlier[1] then before = earlier[1][1] end
  end
end
local is_complete = found['entries-added'] == found['length'] and 1 or 0
local deleted = found['max-deleted-entry-id'] or '0-0'
if deleted == '0-0' then deleted = '' end
return {last, is_complete, has_entry, entries, now, has_more, before, deleted}
