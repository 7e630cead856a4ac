-- Reads a stream's state and some of its entries, as they are at one moment.
--
-- KEYS: the stream.
-- ARGV: an entry id, or '' for the newest entries; how many entries to return at most; how many bytes of fields and
--   values they may have together, unless the first entry alone has more.
-- Returns nothing if the stream does not exist. Otherwise returns
--   the stream's last id,
--   the id of its first entry ('' if the stream is empty),
--   1 if no entry was ever dropped, else 0,
--   1 if the stream has an entry with the given id, else 0,
--   the entries after that id, or the newest entries, newest first,
--   the time of Redis's clock in milliseconds,
--   1 if there may be more entries, else 0.

-- How many entries are read before their sizes are known, at most.
local FEW = 16

local function size_of(entry)
  local size = 0
  for _, part in ipairs(entry[2]) do size = size + #part end
  return size
end

-- Reads entries from one id on, first `few` of them, until there are enough, or too many bytes.
local function read(command, from, to, count, max_bytes, few)
  local entries, size = {}, 0
  while #entries < count do
    local asked = math.min(few, count - #entries)
    local page = redis.call(command, KEYS[1], from, to, 'COUNT', asked)
    for _, entry in ipairs(page) do
      size = size + size_of(entry)
      if size > max_bytes and #entries > 0 then return entries, 1 end
      entries[#entries + 1] = entry
    end
    if #page < asked then return entries, 0 end
    from = '(' .. page[#page][1]
    few = math.max(1, math.floor((max_bytes - size) * #entries / math.max(size, 1)))
  end
  return entries, 1
end

if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
local info = redis.call('XINFO', 'STREAM', KEYS[1])
local found = {}
for i = 1, #info, 2 do found[info[i]] = info[i + 1] end
local first = found['first-entry']
local count, max_bytes = tonumber(ARGV[2]), tonumber(ARGV[3])
local has_entry, entries, has_more = 0, nil, 0
local few = 1
if first then
  few = math.max(1, math.min(FEW, math.floor(max_bytes / math.max(size_of(first), size_of(found['last-entry']), 1))))
end
if ARGV[1] == '' then
  entries, has_more = read('XREVRANGE', '+', '-', count, max_bytes, few)
else
  has_entry = #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
  entries, has_more = read('XRANGE', '(' .. ARGV[1], '+', count, max_bytes, few)
end
local last, is_complete = found['last-generated-id'], found['entries-added'] == found['length'] and 1 or 0
local time = redis.call('TIME')
local milliseconds = time[1] * 1000 + math.floor(time[2] / 1000)
return {last, first and first[1] or '', is_complete, has_entry, entries, milliseconds, has_more}
