-- Writes a document if it is as is demanded: 'always', 'absent', or 'was' with what it must be.
local there = redis.call('GET', KEYS[1])
local value = ARGV[3]
if there ~= value then
  if ARGV[1] == 'absent' and there then return false end
  if ARGV[1] == 'was' and there ~= ARGV[2] then return false end
end
if ARGV[4] == '' then redis.call('SET', KEYS[1], value) else redis.call('SET', KEYS[1], value, 'PX', ARGV[4]) end
return true
