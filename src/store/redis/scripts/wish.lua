local time = redis.call('TIME')
-- Microseconds, exact in a score, so that wishes of one moment have an order too.
redis.call('ZADD', KEYS[1], 'NX', time[1] * 1000000 + time[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[2]))
redis.call('PUBLISH', ARGV[3], '')
return true
