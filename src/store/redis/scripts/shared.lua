-- Put before each script. A clear row is {head = ..., done = {{attempt, spent}, ...}, owed = ...}, as in stored_head.rs.

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The value at a key as a table: its text and itself, or nothing, or only its text if it is no JSON object.
local function decoded(key)
  local text = redis.pcall('GET', key)
  if not text then return nil, nil end
  if type(text) == 'table' then
    if string.sub(text.err, 1, 9) ~= 'WRONGTYPE' then error(text) end
    return 'wrong type', nil
  end
  local ok, value = pcall(cjson.decode, text)
  if ok and type(value) == 'table' then return text, value end
  return text, nil
end

-- The clear row: its text and itself; the row is missing while the text is there if it is corrupt.
local function row_at(key)
  local text, row = decoded(key)
  local head = row and row.head
  local generation = type(head) == 'table' and head.generation
  if type(generation) ~= 'table' or type(generation.epoch) ~= 'string' or type(generation.number) ~= 'number' then
    return text, nil
  end
  if row.done ~= nil and type(row.done) ~= 'table' then return text, nil end
  if row.owed ~= nil and type(row.owed) ~= 'string' then return text, nil end
  return text, row
end

local function intent_at(key)
  local text, intent = decoded(key)
  if intent and type(intent.attempt) ~= 'string' then return text, nil end
  return text, intent
end

local function is_at(row, epoch, number)
  return row.head.generation.epoch == epoch and row.head.generation.number == tonumber(number)
end

-- A new row over an old one: keeps the epoch's attempts, and the times if the state or the generation is the same.
local function over(old, head)
  local row = {head = head, done = {}}
  head.since = now()
  head.stored = head.since
  if old and old.head.generation.epoch == head.generation.epoch then
    row.done = old.done or {}
    if old.head.status == head.status and old.head.cause == head.cause then head.since = old.head.since end
    if old.head.generation.number == head.generation.number then head.stored = old.head.stored end
  end
  return row
end

-- Writes a row and gives its text. An empty list is left out: it would be written as {}.
local function write_row(key, row)
  if row.done and #row.done == 0 then row.done = nil end
  local text = cjson.encode(row)
  redis.call('SET', key, text)
  return text
end

-- What an event tells of a row.
local function state_of(row)
  return row and {status = row.head.status, cause = row.head.cause, generation = row.head.generation}
end

-- The line of an event that is owed: a name, and the event as in stored_event.rs.
local function line_of(key, old, new)
  local name, time = string.match(key, '{(.*)}'), redis.call('TIME')
  local event = cjson.encode({key = name, before = state_of(old), after = state_of(new)})
  return name .. '@' .. time[1] .. '.' .. time[2] .. ' ' .. event .. '\n'
end

-- Notes in a new row what is owed by the old one, and the change itself, unless events tell nothing of it.
local function owe(key, old, new)
  local before, after = state_of(old), state_of(new)
  local same = before and before.status == after.status and before.cause == after.cause
    and before.generation.epoch == after.generation.epoch
  local owed = (old and old.owed or '') .. (same and '' or line_of(key, old, new))
  -- Far more than is ever owed while events can be told.
  if #owed > 65536 then owed = '' end
  new.owed = owed ~= '' and owed or nil
end

