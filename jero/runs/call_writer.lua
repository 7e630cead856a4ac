-- Tells a writer of runs that one of them is to stop.
--
-- KEYS: the channel of the writer, as a key.
-- ARGV: the command that publishes; the channel to publish on; the run.

return redis.call(ARGV[1], ARGV[2], ARGV[3])
