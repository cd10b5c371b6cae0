local text, open = intent_at(KEYS[1])
if text and not open then return {'corrupt intent', false, false} end
if open and open.attempt == ARGV[1] then
  -- What stood there before, for an intent that is taken back.
  if ARGV[2] then redis.call('SET', KEYS[1], ARGV[2]) else redis.call('DEL', KEYS[1]) end
end
return {'cleared', false, false}
