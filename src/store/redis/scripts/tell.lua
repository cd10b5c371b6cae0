-- Adds an event to the stream unless it was told before. ARGV: its name, the event, the most events, the most names.
if redis.call('ZADD', KEYS[2], 'NX', now(), ARGV[1]) == 0 then return true end
local told = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'event', ARGV[2])
if type(told) == 'table' and told.err then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return told
end
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - tonumber(ARGV[4]))
return true
