redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local leader = redis.call('GET', KEYS[2])
if leader and leader ~= ARGV[1] then return false end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return true
