-- Takes events that were told off what a row owes; others may have been added behind them.
local text, row = row_at(KEYS[1])
if row and row.owed and string.sub(row.owed, 1, #ARGV[1]) == ARGV[1] then
  local left = string.sub(row.owed, #ARGV[1] + 1)
  row.owed = left ~= '' and left or nil
  write_row(KEYS[1], row)
end
return true
