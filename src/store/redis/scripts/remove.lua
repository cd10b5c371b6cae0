local text, old = row_at(KEYS[1])
if not text then return {'absent', false, false, redis.call('GET', KEYS[5])} end
if #ARGV > 0 then
  if not old then return {'corrupt status', false, false} end
  if not is_at(old, ARGV[1], ARGV[2]) then return {'changed', false, false} end
end
for i = 1, 4 do redis.call('DEL', KEYS[i]) end
-- With the record goes the place beside it.
local owed = (redis.call('GET', KEYS[5]) or '') .. (old and old.owed or '') .. line_of(KEYS[1], old, nil)
redis.call('SET', KEYS[5], owed)
return {'removed', false, text, owed}
