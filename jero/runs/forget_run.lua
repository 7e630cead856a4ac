-- Removes a run that nobody knows.
--
-- KEYS: the stream and the record of the run.

return redis.call('DEL', stream, record)
