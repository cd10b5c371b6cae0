-- Takes events that were told off what a connection owes that is gone; others may have been added behind them.
local owed = redis.call('GET', KEYS[1])
if owed == ARGV[1] then
  redis.call('DEL', KEYS[1])
elseif owed and string.sub(owed, 1, #ARGV[1]) == ARGV[1] then
  redis.call('SET', KEYS[1], string.sub(owed, #ARGV[1] + 1))
end
return true
