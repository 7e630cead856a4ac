-- Adds an event to a stream once, even if the script runs several times with the same token.
--
-- The token is a key that remembers the event's id until it expires. Tokens of events whose publishers have the answer
-- are deleted early.
--
-- KEYS: the stream, the token of this event, tokens to delete.
-- ARGV: how many events to keep, for how many milliseconds to remember the token, the entry's fields and values.
-- Returns the entry's id.

local known = redis.call('GET', KEYS[2])
if known then return known end
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 3))
redis.call('SET', KEYS[2], id, 'PX', ARGV[2])
if #KEYS > 2 then redis.call('DEL', unpack(KEYS, 3)) end
return id
