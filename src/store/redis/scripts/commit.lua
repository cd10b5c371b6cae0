local attempt, epoch, spent, head, session, grant, remembered = unpack(ARGV)
local old_text, old = row_at(KEYS[1])
if old_text and not old then return {'corrupt status', false, false} end
if not old or old.head.generation.epoch ~= epoch then return {'superseded', false, false} end
local known = false
for _, done in ipairs(old.done or {}) do known = known or done.attempt == attempt end
local text = old_text
if known then
  -- Written again as it is: WAIT counts replicas that have the last write of its own connection.
  redis.call('SET', KEYS[1], old_text)
else
  if spent ~= '' and old.head.fingerprint ~= spent then return {'superseded', false, false} end
  local new = cjson.decode(head)
  if new.generation.number <= old.head.generation.number then return {'superseded', false, false} end
  local row = over(old, new)
  -- A list of its own: it must not change the one it came from.
  local done = {unpack(row.done)}
  table.insert(done, {attempt = attempt, spent = spent ~= '' and spent or nil})
  if #done > tonumber(remembered) then table.remove(done, 1) end
  row.done = done
  owe(KEYS[1], old, row)
  text = write_row(KEYS[1], row)
  redis.call('SET', KEYS[2], session)
  redis.call('SET', KEYS[3], grant)
end
-- An intent that cannot be read must not keep a new token from being stored.
local open_text, open = intent_at(KEYS[4])
if open_text and (not open or open.attempt == attempt) then redis.call('DEL', KEYS[4]) end
return {'stored', text, old_text}
