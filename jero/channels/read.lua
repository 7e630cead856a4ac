-- Reads a stream's state and some of its entries, as they are at one moment.
--
-- KEYS: the stream.
-- ARGV: an entry id, or '' for the newest entries; how many entries to return at most.
-- Returns nothing if the stream does not exist. Otherwise returns
--   the stream's last id,
--   the id of its first entry ('' if the stream is empty),
--   1 if no entry was ever dropped, else 0,
--   1 if the stream has an entry with the given id, else 0,
--   the entries after that id, or the newest entries, newest first,
--   the time of Redis's clock in milliseconds.

if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
local info = redis.call('XINFO', 'STREAM', KEYS[1])
local found = {}
for i = 1, #info, 2 do found[info[i]] = info[i + 1] end
local first = found['first-entry']
local has_entry, entries = 0, nil
if ARGV[1] == '' then
  entries = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', ARGV[2])
else
  has_entry = #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
  entries = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
end
local last, is_complete = found['last-generated-id'], found['entries-added'] == found['length'] and 1 or 0
local time = redis.call('TIME')
return {last, first and first[1] or '', is_complete, has_entry, entries, time[1] * 1000 + math.floor(time[2] / 1000)}
