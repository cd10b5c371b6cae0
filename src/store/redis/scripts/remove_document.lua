-- Removes a document, if it is nothing else than what was named.
local there = redis.call('GET', KEYS[1])
if ARGV[1] == 'was' and there and there ~= ARGV[2] then return false end
redis.call('DEL', KEYS[1])
return true
