-- ARGV: for session and grant each '', or what was read and what is to be.
local values = {{KEYS[1], ARGV[1], ARGV[2]}, {KEYS[2], ARGV[3], ARGV[4]}}
for _, value in ipairs(values) do
  local key, old, new = unpack(value)
  if old ~= '' then
    local present = redis.call('GET', key)
    -- Found as it was to be: an earlier try did it.
    if present ~= old and present ~= new then return {'changed', false, false} end
  end
end
for _, value in ipairs(values) do
  if value[2] ~= '' then redis.call('SET', value[1], value[3]) end
end
return {'resealed', false, false}
