"""What Redis does in one step, without another client in between."""

from typing import Final

# Adds an event once, however often it is asked to: the token is remembered, with the event's id. A token that
# will not be asked for again is forgotten at once, any other by itself.
# KEYS: the stream, the token, tokens to forget. ARGV: how many events to keep, milliseconds to remember, the fields.
PUBLISH: Final = """
local known = redis.call('GET', KEYS[2])
if known then return known end
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 3))
redis.call('SET', KEYS[2], id, 'PX', ARGV[2])
if #KEYS > 2 then redis.call('DEL', unpack(KEYS, 3)) end
return id
"""

# The stream's last id, its first one ('' where it is empty), whether nothing was ever dropped from it, whether it holds
# the id that was asked for, the events after that, or the newest ones, newest first, and the time of Redis's clock in
# milliseconds; nothing where no stream is.
# KEYS: the stream. ARGV: the id ('' for the newest events), how many at the most.
READ: Final = """
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
local info = redis.call('XINFO', 'STREAM', KEYS[1])
local found = {}
for i = 1, #info, 2 do found[info[i]] = info[i + 1] end
local first = found['first-entry']
local is_there, entries = 0, nil
if ARGV[1] == '' then
  entries = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', ARGV[2])
else
  is_there = #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
  entries = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
end
local last, is_whole = found['last-generated-id'], found['entries-added'] == found['length'] and 1 or 0
local time = redis.call('TIME')
return {last, first and first[1] or '', is_whole, is_there, entries, time[1] * 1000 + math.floor(time[2] / 1000)}
"""
