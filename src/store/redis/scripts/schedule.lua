-- ARGV: which, then names with delays in milliseconds.
local which, began = ARGV[1], now()
for i = 2, #ARGV, 2 do
  local at = began + tonumber(ARGV[i + 1])
  if which == 'absent' then redis.call('ZADD', KEYS[1], 'NX', at, ARGV[i]) else redis.call('ZADD', KEYS[1], at, ARGV[i]) end
end
return true
