local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return {'held', false, false} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {'taken', false, false}
