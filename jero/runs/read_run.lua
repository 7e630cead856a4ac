-- Reads the record of a run.
--
-- KEYS: the stream and the record of the run.
-- ARGV: the owner, or '' for any.
-- Returns an empty list if the owner has no such run. Else returns
--   when it began, when it ended or '', how many items it has, the data of its end or '',
--   and after how many milliseconds it counts as lost, if it is not renewed.

local owner, started, ended, items, data, deadline = unpack(
  redis.call('HMGET', record, 'owner', 'started', 'ended', 'items', 'end', 'until'))
if not owner or (ARGV[1] ~= '' and ARGV[1] ~= owner) then return {} end
return {tonumber(started), ended or '', tonumber(items), data or '', tonumber(deadline or 0) - now()}
