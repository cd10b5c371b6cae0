local epoch, number, head, grant, session = unpack(ARGV)
local text, old = row_at(KEYS[1])
if text and not old then return {'corrupt status', false, false} end
local new = cjson.decode(head)
local as_expected = (old and epoch ~= '' and is_at(old, epoch, number)) or (not old and epoch == '')
if not as_expected then
  -- Found as it was to be written: an earlier try did it.
  if old and is_at(old, new.generation.epoch, new.generation.number) then return {'stored', text, text} end
  return {'conflict', text or false, false}
end
if not old or old.head.generation.epoch ~= new.generation.epoch then redis.call('DEL', KEYS[4]) end
local row = over(old, new)
owe(KEYS[1], old, row)
local written = write_row(KEYS[1], row)
if session then redis.call('SET', KEYS[2], session) else redis.call('DEL', KEYS[2]) end
redis.call('SET', KEYS[3], grant)
return {'stored', written, text or false}
