local began = now()
local due = redis.call('ZRANGE', KEYS[1], '-inf', began, 'BYSCORE', 'LIMIT', 0, ARGV[1])
for _, name in ipairs(due) do redis.call('ZADD', KEYS[1], began + tonumber(ARGV[2]), name) end
return due
