local text, old = row_at(KEYS[1])
if not text then return {'absent', false, false} end
if #ARGV > 0 then
  if not old then return {'corrupt status', false, false} end
  if not is_at(old, ARGV[1], ARGV[2]) then return {'changed', false, false} end
end
for _, key in ipairs(KEYS) do redis.call('DEL', key) end
return {'removed', false, text}
